import type { SpecialIds } from '../../src/tokenizer/vocabulary.ts';

/** A tokenizer as it was published: all that `tokenizer.bin` is made of. */
export interface Pipeline {
  /** By id. */
  readonly pieces: readonly Piece[];
  readonly special: SpecialIds;
  /** SentencePiece's `precompiled_charsmap`. */
  readonly charsmap: Uint8Array;
  readonly collapseSpaces: boolean;
  readonly splitWhitespace: boolean;
  readonly maskStripsLeft: boolean;
}

export interface Piece {
  readonly text: string;
  /** Log-probability. */
  readonly score: number;
}

/** Four times XLM-R's vocabulary, the largest that any encoder of its kind has. */
export const MAX_PIECES = 1 << 20;
