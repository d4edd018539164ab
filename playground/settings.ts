import { DEFAULT_MODE_WEIGHTS, type ModeWeights } from '../src/scoring/scoring.ts';
import { EXAMPLES } from './examples.ts';

/** What a link restores; the API key is no part of it. */
export interface Settings {
  readonly texts: readonly string[];
  /** Tokens a text. */
  readonly maxLength: number;
  /** Cut what is longer; otherwise the service refuses it. */
  readonly truncate: boolean;
  /** Of dense, sparse, ColBERT in the hybrid score. */
  readonly weights: ModeWeights;
  /** Texts that are looked into: query and passage. */
  readonly pair: readonly [query: number, passage: number];
}

/** Their pairs fill one heat map: more are no longer told apart on a narrow screen. */
export const MAX_TEXTS = 16;
/** As /score has it. */
const DEFAULT_MAX_LENGTH = 512;

export const DEFAULT_SETTINGS: Settings = {
  texts: EXAMPLES[0]!.texts,
  maxLength: DEFAULT_MAX_LENGTH,
  truncate: true,
  weights: DEFAULT_MODE_WEIGHTS,
  pair: [0, 1],
};

/** The body of the request that the page makes, and that its examples repeat. */
export const encodeRequest = ({ texts, maxLength, truncate }: Settings) => ({
  texts: [...texts],
  return_dense: true,
  return_sparse: true,
  return_colbert_vecs: true,
  max_length: maxLength,
  truncate,
});
