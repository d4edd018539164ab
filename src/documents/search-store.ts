import type { Embedder, Embedding } from '../embedder.ts';
import { ServiceError } from '../errors.ts';
import { DEFAULT_MODE_WEIGHTS, type ModeWeights, type PairScores } from '../scoring/scoring.ts';
import type { Filter } from './candidates.ts';
import type { Database } from './database.ts';
import { type FoundDocument, readBeginnings, readFound } from './found-documents.ts';
import type { NearestSource } from './nearest.ts';
import { rescore } from './rescore.ts';
import { bestHits, type Hit, searchDocuments } from './search.ts';
import { findTenant, servingSet, type VectorSet } from './stored-vectors.ts';

/** What is searched, and with what. */
export interface StoreDeps {
  readonly db: Database;
  readonly embedder: Embedder;
  /** The tenant's name. */
  readonly tenant: string;
  /** Absent: dense vectors are nowhere but in the database. */
  readonly nearest?: NearestSource | undefined;
}

export interface StoreQuery {
  readonly query: string;
  /** By which score. */
  readonly mode: keyof PairScores;
  readonly weights?: ModeWeights | undefined;
  /** Results at most. */
  readonly limit: number;
  /** Documents whose vectors are read at most, and those of them that are scored by ColBERT where `mode` wants it: both at least `limit`. */
  readonly candidates: number;
  readonly rescore: number;
  readonly filter?: Filter | undefined;
  readonly withText: boolean;
  /** Tokens of the query, default 512, and whether a longer one is cut. */
  readonly maxQueryLength?: number | undefined;
  readonly truncate: boolean;
  /** Tokens of a document that is embedded anew; default 512. */
  readonly maxPassageLength?: number | undefined;
}

export interface StoreAnswer {
  /** Best first. */
  readonly found: readonly (FoundDocument & {
    readonly scores: Hit['scores'];
    /** Whether its text has changed since it was embedded. */
    readonly isStale: boolean;
  })[];
  readonly scored: number;
  readonly isComplete: boolean;
  readonly queryTokens: number;
  readonly passageTokens: number;
  readonly isTruncated: boolean;
}

const DEFAULT_LENGTH = 512;
/** A token has at most 16 characters in XLM-R's vocabulary; white space that counts for nothing may stand between. */
const CHARACTERS_PER_TOKEN = 64;

/** @throws ServiceError `fingerprint_mismatch` where the vectors that are served are another model's; what the engine and the database throw. */
export async function searchStore(deps: StoreDeps, request: StoreQuery, signal?: AbortSignal): Promise<StoreAnswer> {
  const { db, embedder, tenant: name, nearest } = deps;
  const { mode, weights = DEFAULT_MODE_WEIGHTS, limit } = request;
  const [set, tenant] = await Promise.all([servingSet(db), findTenant(db, name)]);
  if (set) checkFingerprint(set, embedder);
  const query = await embedQuery(embedder, request, signal);
  const usage = { queryTokens: query.tokenIds.length, passageTokens: 0, isTruncated: query.truncated };
  if (!set || tenant === undefined) return { found: [], scored: 0, isComplete: true, ...usage };

  const scope = { set, tenant, filter: request.filter };
  const colbertCount = query.colbert ? Math.max(request.rescore, limit) : 0;
  const { hits, scored, isComplete } = await searchDocuments(
    db,
    scope,
    { dense: query.dense!, lexicalWeights: query.lexicalWeights! },
    {
      mode: isColbert(mode) ? 'sparse+dense' : mode,
      weights: isColbert(mode) && weights[0] + weights[1] === 0 ? DEFAULT_MODE_WEIGHTS : weights,
      candidates: Math.max(request.candidates, limit),
      limit: Math.max(colbertCount, limit),
      nearest: nearest && ((dense) => nearest(dense, name, set)),
    },
  );

  async function* embedRows(documents: readonly number[]) {
    const maxTokens = request.maxPassageLength ?? DEFAULT_LENGTH;
    const passages = await readBeginnings(db, tenant!, documents, CHARACTERS_PER_TOKEN * maxTokens);
    const texts = passages.map(({ text }) => text);
    let index = 0;
    for await (const made of embedder.embedEach(texts, { colbert: true, truncate: true, maxTokens }, signal)) {
      usage.passageTokens += made.tokenIds.length;
      yield [passages[index++]!.document, made.colbert!] as const;
    }
  }
  const { colbertSize } = embedder.manifest.architecture;
  const { maxSim } = embedder;
  const ranked = query.colbert
    ? bestHits(await rescore(db, scope, query.colbert, hits, { weights, colbertSize, maxSim, embedRows }), mode, limit)
    : hits;
  const keys = ranked.map(({ document }) => document);
  const documents = await readFound(db, tenant, keys, request.withText);
  const found = ranked.flatMap(({ document, contentHash, scores }) => {
    const known = documents.get(document);
    return known ? [{ ...known, scores, isStale: known.contentHash !== contentHash }] : [];
  });
  return { found, scored, isComplete, ...usage };
}

type ColbertMode = 'colbert' | 'colbert+sparse+dense';
const isColbert = (mode: keyof PairScores): mode is ColbertMode => mode.startsWith('colbert');

/** @throws ServiceError `fingerprint_mismatch`: a query of one model finds nothing sensible among vectors of another. */
function checkFingerprint(set: VectorSet, { fingerprint }: Embedder): void {
  if (set.fingerprint === fingerprint) return;
  throw new ServiceError(
    'fingerprint_mismatch',
    `the vectors that are served are of ${set.fingerprint}, this Worker embeds with ${fingerprint}; they are made anew, and GET /reembed/status says how far that is`,
  );
}

async function embedQuery(embedder: Embedder, request: StoreQuery, signal?: AbortSignal): Promise<Embedding> {
  const { query, mode, truncate, maxQueryLength: maxTokens = DEFAULT_LENGTH } = request;
  const [embedding] = await embedder.embed(
    [query],
    { dense: true, sparse: true, colbert: isColbert(mode), truncate, maxTokens, paramOf: () => 'query' },
    signal,
  );
  return embedding!;
}
