/** The demo's dimensions, and what each channel of its hidden state stands for: docs/demo.md. */

export const HIDDEN_SIZE = 320;
export const HEAD_COUNT = 5;
export const HEAD_SIZE = HIDDEN_SIZE / HEAD_COUNT;
export const INTERMEDIATE_SIZE = 640;
export const MAX_TOKENS = 512;
/** Tokens begin at this row of the position table, as in XLM-R. */
export const POSITION_OFFSET = 2;

/** Angular frequencies of the position channels: no two positions within 512 look alike to all of them. */
export const FREQUENCIES = [2, 8, 32, 128, 512].map((divisor) => Math.PI / divisor);

const PAIRS = 4;
/** Channels that hold a piece's code, from 0 on. */
export const CODE_SIZE = HIDDEN_SIZE - 2 * PAIRS - 4 * FREQUENCIES.length;
/** A pair holds (x, -x), so that it does not move LayerNorm's mean. */
export const BOS = CODE_SIZE;
export const WORD_START = CODE_SIZE + 2;
export const RARITY = CODE_SIZE + 4;
/** Takes up what variance a row lacks. */
export const REST = CODE_SIZE + 6;
/** (cos, sin, -cos, -sin) of each frequency. */
export const POSITION = CODE_SIZE + 8;
/** Sum of squares of the position channels. */
export const POSITION_ENERGY = 2 * FREQUENCIES.length;

/** Values of the pairs. */
export const BOS_VALUE = 3;
export const START_VALUE = 2;
export const RARITY_VALUE = 3;

export function setPair(row: Float32Array, channel: number, value: number): void {
  row[channel] = value;
  row[channel + 1] = -value;
}

/** Weights that read a pair's value whatever LayerNorm has added to both of its channels. */
export function readPair(row: Float32Array, channel: number, weight: number): void {
  row[channel] = weight / 2;
  row[channel + 1] = -weight / 2;
}
