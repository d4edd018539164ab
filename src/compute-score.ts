import type { Embedder, Embedding, EmbedOptions } from './embedder.ts';
import { LIMITS } from './limits.ts';
import {
  DEFAULT_MODE_WEIGHTS,
  type ModeWeights,
  type PairScores,
  type ScoredText,
  scorePair,
} from './scoring/scoring.ts';

/** Outputs that a score needs. */
export type ScoredParts = Pick<EmbedOptions, 'dense' | 'sparse' | 'colbert'>;

export interface ScoreOptions {
  /** Weights of dense, sparse and ColBERT in the two combined scores; default [1, 1, 1]. */
  readonly weights?: ModeWeights;
  /** Tokens of a query, default 512 as in FlagEmbedding, capped by the model. */
  readonly maxQueryLength?: number;
  /** Tokens of a passage, likewise. */
  readonly maxPassageLength?: number;
  /** Cut what is longer; otherwise it is refused. Default false. */
  readonly truncate?: boolean;
  /** Where what is cut loses tokens; default right. */
  readonly truncationSide?: 'left' | 'right';
  /** What is computed and compared; a score of anything else is 0. Default all three. */
  readonly parts?: ScoredParts;
  /** Name of the request field that holds a text, for errors; default as in a list of sentence pairs. */
  readonly paramOf?: (pair: number, side: Side) => string;
}

/** 0 is the query, 1 the passage. */
export type Side = 0 | 1;

/** A passage that was embedded earlier, by the same model. */
export interface StoredPassage {
  /** Decodes its vectors; called once a pair. */
  read(): Partial<ScoredText>;
}

export interface PairsScored {
  /** One a pair, in their order. */
  readonly scores: readonly PairScores[];
  /** Tokens of each pair's query and passage; 0 where the passage was not encoded. */
  readonly tokens: readonly (readonly [query: number, passage: number])[];
  readonly truncated: readonly boolean[];
}

const DEFAULT_LENGTH = 512;
const ALL_PARTS: ScoredParts = { dense: true, sparse: true, colbert: true };

/**
 * The five scores of every (query, passage). Each distinct text is encoded once; queries are held in memory, a passage only until it is scored.
 *
 * @throws ServiceError as `Embedder.embedEach`; `budget_exceeded` where the queries' vectors take more than `LIMITS.answerBytes`.
 * @see FlagEmbedding `BGEM3FlagModel.compute_score`
 */
export async function computeScores(
  embedder: Embedder,
  pairs: readonly (readonly [query: string, passage: string | StoredPassage])[],
  options: ScoreOptions = {},
  signal?: AbortSignal,
): Promise<PairsScored> {
  const { parts = ALL_PARTS, truncate = false, weights = DEFAULT_MODE_WEIGHTS } = options;
  const { colbertSize } = embedder.manifest.architecture;
  const paramOf = options.paramOf ?? ((pair, side) => `sentence_pairs[${pair}][${side}]`);
  const queries = pairsByText(pairs.map(([query]) => query));
  const passages = pairsByText(pairs.map(([, passage]) => (typeof passage === 'string' ? passage : undefined)));
  const optionsOf = (side: Side, maxTokens = DEFAULT_LENGTH): EmbedOptions => {
    const firstPairs = [...(side === 0 ? queries : passages).values()].map(([first]) => first!);
    return {
      ...parts,
      truncate,
      maxTokens,
      ...(options.truncationSide && { truncationSide: options.truncationSide }),
      paramOf: (index) => paramOf(firstPairs[index]!, side),
    };
  };
  const queryOptions = { ...optionsOf(0, options.maxQueryLength), answerBytes: LIMITS.answerBytes };
  const passageOptions = optionsOf(1, options.maxPassageLength);
  embedder.estimate([...passages.keys()], passageOptions); // refuses what is too long before anything is computed

  const queryOfPair: Embedding[] = [];
  for (const [index, embedding] of (await embedder.embed([...queries.keys()], queryOptions, signal)).entries()) {
    for (const pair of [...queries.values()][index]!) queryOfPair[pair] = embedding;
  }
  const scores: PairScores[] = [];
  const tokens: (readonly [number, number])[] = [];
  const truncated: boolean[] = [];
  const score = (pair: number, passage: Partial<ScoredText>, passageTokens: number, isCut: boolean): void => {
    const query = queryOfPair[pair]!;
    scores[pair] = scorePair(withAll(query), withAll(passage), colbertSize, weights, embedder.maxSim);
    tokens[pair] = [query.tokenIds.length, passageTokens];
    truncated[pair] = query.truncated || isCut;
  };
  for (const [pair, [, passage]] of pairs.entries()) {
    if (typeof passage !== 'string') score(pair, passage.read(), 0, false);
  }
  const waiting = passages.values();
  for await (const embedding of embedder.embedEach([...passages.keys()], passageOptions, signal)) {
    for (const pair of waiting.next().value!) score(pair, embedding, embedding.tokenIds.length, embedding.truncated);
  }
  return { scores, tokens, truncated };
}

/** Each distinct text with the pairs that have it. */
function pairsByText(texts: readonly (string | undefined)[]): ReadonlyMap<string, readonly number[]> {
  const pairs = new Map<string, number[]>();
  for (const [pair, text] of texts.entries()) {
    if (text === undefined) continue;
    const known = pairs.get(text);
    if (known) known.push(pair);
    else pairs.set(text, [pair]);
  }
  return pairs;
}

const NOTHING: ScoredText = { dense: new Float32Array(0), lexicalWeights: new Map(), colbert: new Float32Array(0) };
const withAll = (text: Partial<ScoredText>): ScoredText => ({ ...NOTHING, ...text });
