/** The demo's dimensions, and what each channel of its hidden state stands for: docs/demo.md. */

export const HIDDEN_SIZE = 512;
/** Where layer 0's attention heads look, in pieces from the one that asks. The piece before is looked at by four, each of which brings a part of its code. */
export const OFFSETS = [-1, 1, -2, 2, -3, 3, -4, 4] as const;
export const HEAD_COUNT = 16;
export const HEAD_SIZE = HIDDEN_SIZE / HEAD_COUNT;
export const INTERMEDIATE_SIZE = 256;
export const COLBERT_SIZE = 256;
export const MAX_TOKENS = 1024;
/** Tokens begin at this row of the position table, as in XLM-R. */
export const POSITION_OFFSET = 2;

/** Angular frequencies of the position channels: no two positions within 1,024 look alike to all of them. */
export const FREQUENCIES = [2, 8, 32, 128, 512].map((divisor) => Math.PI / divisor);

const PAIRS = 6;
/** Channels that hold a piece's code, from 0 on. */
export const CODE_SIZE = HIDDEN_SIZE - OFFSETS.length - 2 * PAIRS - 4 * FREQUENCIES.length;
/** The first of them become the code of the piece and the one before it; the others stay the piece's own. */
export const BOUND_SIZE = INTERMEDIATE_SIZE - 2 * OFFSETS.length;
/**
 * A pair holds x in one channel and -x in the one six further on, so that it does not move LayerNorm's mean. The former end one group of 32, the
 * latter begin the next: of a weight's row that reads a pair, four bits then hold both values as they are.
 */
export const BOS = CODE_SIZE + 2;
/** Words end at this piece. */
export const BREAK = BOS + 1;
export const LETTERS = BOS + 2;
/** The piece is of a script that puts no space between words. */
export const UNSPACED = BOS + 3;
/** Once layer 0 has counted: how seldom the text has the piece. */
export const SELDOM = BOS + 4;
/** Takes up what variance a row lacks. */
export const REST = BOS + 5;
/** Of each offset, once layer 0 has looked there: the letters of the piece found, if it belongs to the same word. */
export const NEIGHBOURS = OFFSETS.map((_, index) => (index < 2 ? CODE_SIZE : BOS + 2 * PAIRS - 2) + index);
/** (cos, sin, -cos, -sin) of each frequency. */
export const POSITION = HIDDEN_SIZE - 4 * FREQUENCIES.length;
/** Sum of squares of the position channels. */
export const POSITION_ENERGY = 2 * FREQUENCIES.length;

/** A word row's values are whole multiples of this, at most seven: so four bits hold them as they are. */
export const STEP = 0.25;
export const MOST_STEPS = 7;
/** Values of a code and of the pairs. */
export const CODE_VALUE = 4 * STEP;
export const BOS_VALUE = MOST_STEPS * STEP;
export const BREAK_VALUE = 4 * STEP;
export const UNSPACED_VALUE = 4 * STEP;
/** Of one letter. */
export const LETTER_VALUE = STEP;

export function setPair(row: Float32Array, channel: number, value: number): void {
  row[channel] = value;
  row[channel + PAIRS] = -value;
}

/** Weights that read a pair's value whatever LayerNorm has added to both of its channels; they are added to what is there. */
export function readPair(row: Float32Array, channel: number, weight: number): void {
  row[channel] = row[channel]! + weight / 2;
  row[channel + PAIRS] = row[channel + PAIRS]! - weight / 2;
}

export const pairOf = (row: Float32Array, channel: number): number => (row[channel]! - row[channel + PAIRS]!) / 2;
