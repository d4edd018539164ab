/** The demo's dimensions, and what each channel of its hidden state stands for: docs/demo.md. */

export const HIDDEN_SIZE = 256;
/** Where layer 0's attention heads look, in pieces from the one that asks. */
export const OFFSETS = [-1, 1, -2, 2, -3, 3, -4, 4] as const;
export const HEAD_COUNT = OFFSETS.length;
export const HEAD_SIZE = HIDDEN_SIZE / HEAD_COUNT;
export const INTERMEDIATE_SIZE = 256;
export const MAX_TOKENS = 1024;
/** Tokens begin at this row of the position table, as in XLM-R. */
export const POSITION_OFFSET = 2;

/** Angular frequencies of the position channels: no two positions within 1,024 look alike to all of them. */
export const FREQUENCIES = [2, 8, 32, 128, 512].map((divisor) => Math.PI / divisor);

const PAIRS = 4;
/** Channels that hold a piece's code, from 0 on. */
export const CODE_SIZE = HIDDEN_SIZE - OFFSETS.length - 2 * PAIRS - 4 * FREQUENCIES.length;
/** Of each offset, once layer 0 has looked there: the letters of the piece found, if it belongs to the same word. */
export const NEIGHBOUR = CODE_SIZE;
/** A pair holds (x, -x), so that it does not move LayerNorm's mean. */
export const BOS = NEIGHBOUR + OFFSETS.length;
/** Words end at this piece. */
export const BREAK = BOS + 2;
export const LETTERS = BOS + 4;
/** Takes up what variance a row lacks. */
export const REST = BOS + 6;
/** (cos, sin, -cos, -sin) of each frequency. */
export const POSITION = BOS + 8;
/** Sum of squares of the position channels. */
export const POSITION_ENERGY = 2 * FREQUENCIES.length;

/** Values of the pairs. */
export const BOS_VALUE = 3;
export const BREAK_VALUE = 1;
export const LETTER_VALUE = 0.25;

export function setPair(row: Float32Array, channel: number, value: number): void {
  row[channel] = value;
  row[channel + 1] = -value;
}

/** Weights that read a pair's value whatever LayerNorm has added to both of its channels. */
export function readPair(row: Float32Array, channel: number, weight: number): void {
  row[channel] = weight / 2;
  row[channel + 1] = -weight / 2;
}
