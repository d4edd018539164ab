import type { ModeWeights, PairScores } from '../../src/scoring/scoring.ts';

/** Outputs of a model that somebody has published. */
export interface Publication {
  readonly name: string;
  readonly source: string;
  /** What they were computed in. */
  readonly arithmetic: 'fp32' | 'fp16' | 'int8';
  readonly values: readonly PublishedValue[];
}

export type Pair = readonly [query: string, passage: string];

export type PublishedValue =
  | {
      readonly kind: 'scores';
      readonly mode: keyof PairScores;
      readonly pairs: readonly Pair[];
      /** One a pair. */
      readonly values: readonly number[];
      /** Of the combined scores. */
      readonly weights?: ModeWeights;
    }
  /** Lexical weights, by piece without its ▁ or by token id. */
  | { readonly kind: 'weights'; readonly text: string; readonly pieces: Readonly<Record<string, number>> }
  | { readonly kind: 'weights'; readonly text: string; readonly ids: Readonly<Record<string, number>> }
  | { readonly kind: 'colbert shape'; readonly text: string; readonly rows: number; readonly width: number }
  | { readonly kind: 'leading dense'; readonly text: string; readonly values: readonly number[] }
  | {
      readonly kind: 'leading colbert';
      readonly text: string;
      readonly row: number;
      readonly values: readonly number[];
    }
  /** Of all dimensions of the dense output. */
  | { readonly kind: 'dense sum'; readonly text: string; readonly value: number };
