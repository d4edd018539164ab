import { combineScores, denseScore, lexicalScore, type ModeWeights, type PairScores } from '../scoring/scoring.ts';
import { allowedDocuments, firstDocuments, lexicalCandidates, type SearchScope } from './candidates.ts';
import type { Database } from './database.ts';
import { readVectors, type StoredVectors } from './stored-vectors.ts';

/** A query's outputs, by the model of the set that is searched. */
export interface QueryVectors {
  readonly dense: Float32Array;
  readonly lexicalWeights: ReadonlyMap<number, number>;
}

export interface SearchOptions {
  /** By which score. */
  readonly mode: keyof LexicalDenseScores;
  /** Of dense and sparse in the combined score; the third has no effect. */
  readonly weights: ModeWeights;
  /** Documents whose vectors are read at most. */
  readonly candidates: number;
  /** Hits at most. */
  readonly limit: number;
  /** Keys of documents that are near a vector, from a store that knows all of them; absent: there is none. */
  readonly nearest?: ((dense: Float32Array) => Promise<readonly number[]>) | undefined;
}

export type LexicalDenseScores = Pick<PairScores, 'dense' | 'sparse' | 'sparse+dense'>;

export interface Hit {
  /** documents.key */
  readonly document: number;
  /** Of the text that was embedded. */
  readonly contentHash: string;
  readonly tokens: number;
  readonly scores: LexicalDenseScores & Partial<PairScores>;
}

export interface SearchResult {
  /** Best first; of equal ones the older. */
  readonly hits: readonly Hit[];
  /** Documents whose vectors were read. */
  readonly scored: number;
  /** Whether these are all there are: then nothing better was passed over. */
  readonly isComplete: boolean;
}

/** Vectors held at once: of BGE-M3 some 2 MB as they come from D1. */
const PAGE_DOCUMENTS = 250;

/**
 * Searches the documents of a tenant in one set. Candidates are near the query, or share tokens with it; where they are few, other documents fill their
 * number, so that a store of no more than that is searched whole. Each is scored as `/score` does, from the vectors as they are stored.
 */
export async function searchDocuments(
  db: Database,
  scope: SearchScope,
  query: QueryVectors,
  options: SearchOptions,
): Promise<SearchResult> {
  const candidates = await findCandidates(db, scope, query, options);
  const hits: Hit[] = [];
  for (let start = 0; start < candidates.length; start += PAGE_DOCUMENTS) {
    const page = await readVectors(db, scope.set, scope.tenant, candidates.slice(start, start + PAGE_DOCUMENTS));
    for (const stored of page) hits.push(scoreStored(query, stored, options.weights));
  }
  return {
    hits: bestHits(hits, options.mode, options.limit),
    scored: hits.length,
    isComplete: candidates.length < options.candidates,
  };
}

/** Keys of documents, each once. */
async function findCandidates(
  db: Database,
  scope: SearchScope,
  { dense, lexicalWeights }: QueryVectors,
  { candidates: most, nearest }: SearchOptions,
): Promise<number[]> {
  const near = nearest ? await allowedDocuments(db, scope, await nearest(dense)) : [];
  const found = new Set(near.slice(0, most));
  /** Asks for as many as there may be in all, because some of them may be known. */
  const fillWith = async (list: (count: number) => Promise<number[]>) => {
    if (found.size === most) return;
    for (const key of await list(most)) {
      if (found.add(key).size === most) return;
    }
  };
  await fillWith((count) => lexicalCandidates(db, scope, lexicalWeights, count));
  await fillWith((count) => firstDocuments(db, scope, count));
  return [...found];
}

function scoreStored(query: QueryVectors, stored: StoredVectors, weights: ModeWeights): Hit {
  const dense = denseScore(query.dense, stored.dense);
  const sparse = lexicalScore(query.lexicalWeights, stored.lexicalWeights);
  const { 'sparse+dense': both } = combineScores(dense, sparse, 0, weights);
  const { document, contentHash, tokens } = stored;
  return { document, contentHash, tokens, scores: { dense, sparse, 'sparse+dense': both } };
}

/** @param mode A score that all hits have. */
export function bestHits(hits: readonly Hit[], mode: keyof PairScores, count: number): Hit[] {
  return hits.toSorted((a, b) => b.scores[mode]! - a.scores[mode]! || a.document - b.document).slice(0, count);
}
