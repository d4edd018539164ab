import type { Embedder, Embedding } from './embedder.ts';
import { DEFAULT_MODE_WEIGHTS, type ModeWeights, type PairScores, scorePair } from './scoring/scoring.ts';

export interface ScoreOptions {
  /** Weights of dense, sparse and ColBERT in the two combined scores; default [1, 1, 1]. */
  readonly weights?: ModeWeights;
  /** Tokens of a query, default 512 as in FlagEmbedding, capped by the model. */
  readonly maxQueryLength?: number;
  /** Tokens of a passage, likewise. */
  readonly maxPassageLength?: number;
  /** Cut what is longer; otherwise it is refused. Default false. */
  readonly truncate?: boolean;
  /** Name of the request field that holds a text, for errors; default as in a list of sentence pairs. */
  readonly paramOf?: (pair: number, side: Side) => string;
}

/** 0 is the query, 1 the passage. */
export type Side = 0 | 1;

export interface PairsScored {
  /** One a pair, in their order. */
  readonly scores: readonly PairScores[];
  /** Tokens of each pair's query and passage. */
  readonly tokens: readonly (readonly [query: number, passage: number])[];
  readonly truncated: readonly boolean[];
}

const DEFAULT_LENGTH = 512;

/**
 * The five scores of every (query, passage); each distinct text is encoded once.
 *
 * @throws ServiceError as `Embedder.embedEach`.
 * @see FlagEmbedding `BGEM3FlagModel.compute_score`
 */
export async function computeScores(
  embedder: Embedder,
  pairs: readonly (readonly [query: string, passage: string])[],
  options: ScoreOptions = {},
  signal?: AbortSignal,
): Promise<PairsScored> {
  const paramOf = options.paramOf ?? ((pair, side) => `sentence_pairs[${pair}][${side}]`);
  const embedAll = async (side: Side, maxTokens = DEFAULT_LENGTH) => {
    const texts = pairs.map((pair) => pair[side]);
    const distinct = [...new Set(texts)];
    const embeddings = await embedder.embed(
      distinct,
      {
        dense: true,
        sparse: true,
        colbert: true,
        truncate: options.truncate ?? false,
        maxTokens,
        paramOf: (index) => paramOf(texts.indexOf(distinct[index]!), side),
      },
      signal,
    );
    return new Map(distinct.map((text, index) => [text, embeddings[index]!]));
  };
  const queries = await embedAll(0, options.maxQueryLength);
  const passages = await embedAll(1, options.maxPassageLength);
  const embedded = pairs.map(([query, passage]) => [queries.get(query)!, passages.get(passage)!] as const);
  const { colbertSize } = embedder.manifest.architecture;
  return {
    scores: embedded.map(([query, passage]) =>
      scorePair(withAll(query), withAll(passage), colbertSize, options.weights ?? DEFAULT_MODE_WEIGHTS),
    ),
    tokens: embedded.map(([query, passage]) => [query.tokenIds.length, passage.tokenIds.length] as const),
    truncated: embedded.map(([query, passage]) => query.truncated || passage.truncated),
  };
}

type Complete = Required<Pick<Embedding, 'dense' | 'lexicalWeights' | 'colbert'>>;
const withAll = (embedding: Embedding): Complete => embedding as Embedding & Complete;
