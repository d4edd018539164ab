import { ROUND_MAGIC, ROUND_MAGIC_BITS, roundToI32 } from './constants';
import { addPairs, dotTileDiagonal, dotTileSwapped, dotTileTallSwapped, hasFusedDot } from './dot';
import { maxLane, sumLanesI32 } from './lanes';
import { SCORE_UNITS, STATE_BYTES, SUM_UNITS, scaleScores, storeFactors, weighHalves, weighWords } from './softmax';

/**
 * Attention of one text, tiled: up to 12 query rows against blocks of 512 keys with a running maximum and sum, so that nothing of
 * [tokens x tokens] exists. A text's keys and values are stored once per layer, for each attention head:
 *
 *   keys    u7 [keys/8][headSize/4][8 keys][4]     k ≈ keyScale · u + keyMinimum, a pair a key: softmax does not see what is common to a row
 *   values  i8 [headSize/8][keys/4][8][4 keys]     v ≈ valueScale · q, symmetric
 *   keyScale, keyMinimum, valueScale               f32 [keys]
 *
 * with `keys` the text's tokens rounded up to 8. Padding is never read as a number: its scores are masked and its P is zero.
 *
 * P has 14 bits: 512 keys · 16383 · 127 stays below 2^31.
 */
export const KEY_BLOCK: i32 = 512;
/** Groups of four rows that a tile takes. */
const TILE_GROUPS: i32 = 3;
/** Less than any score with its bias. */
const NO_SCORE: i32 = 0;
const LOG2_E: f32 = 1.4426950408889634;

/** i32 [12 rows][8 values] of value tiles. */
const SUMS: usize = memory.data(384, 16);
/** Likewise, for the low halves of P. */
const LOW_SUMS: usize = memory.data(384, 16);
/** i32 [3 groups][512/4][4][4 rows]: sums, then scores, in the order of `softmax.ts`. */
const GROUP_SCORES: usize = 4 * 512 * 4;
const SCORES: usize = memory.data(3 * 4 * 512 * 4, 16);
/** P: i16 [512/4][4 rows][4 keys] of each group, or its high and low seven bits, u8 [512/4][4 rows][4 keys] each. */
const GROUP_HALVES: usize = 4 * 512;
const WEIGHTS: usize = memory.data(3 * 4 * 512 * 2, 16);
const LOW_OFFSET: usize = 3 * 4 * 512;
/** valueScale / the block's largest, in the order of `storeFactors`. */
const FACTORS: usize = memory.data(4 * 512 * 2, 16);
/** f32 [12]: what the block's new maximum leaves of each row's earlier sums. */
const DECAYS: usize = memory.data(48, 16);
const MOST_FACTOR: f32 = 32766;

/**
 * softmax(q · kᵀ / sqrt(headSize)) · v for some rows and attention heads of one text.
 *
 * @param q f32 rows, `stride` bytes apart, columns [head][headSize].
 * @param out f32 like q; a last group of rows short of four writes up to three rows beyond, with numbers of no meaning.
 * @param scratch rows rounded up to 4, each headSize + 16 bytes: the head's packed queries, then the states of `softmax.ts`.
 */
export function attention(
  q: usize, stride: usize, rows: i32, headStart: i32, headEnd: i32, heads: i32, headSize: i32,
  keyCount: i32, keyCapacity: i32, keys: usize, values: usize, scales: usize, out: usize, scratch: usize,
): void {
  const headBytes = <usize>(keyCapacity * headSize);
  const scaleBytes = <usize>keyCapacity << 2;
  const groups = (rows + 3) >> 2;
  const states = scratch + <usize>(groups * 4 * headSize);
  const softmaxScale = SCORE_UNITS * LOG2_E / sqrt<f32>(<f32>headSize);
  for (let head = headStart; head < headEnd; head++) {
    const column = <usize>(head * headSize) << 2;
    packQueries(q + column, stride, rows, headSize, softmaxScale, scratch, states);
    const keyScale = scales + <usize>head * scaleBytes;
    const keyMinimum = keyScale + <usize>heads * scaleBytes;
    const valueScale = keyMinimum + <usize>heads * scaleBytes;
    for (let block = 0; block < keyCount; block += KEY_BLOCK) {
      const at = <usize>block << 2;
      const blockKeys = min(KEY_BLOCK, keyCount - block);
      const valueUnit = prepareFactors(keyScale + at, keyMinimum + at, valueScale + at, blockKeys);
      const blockBytes = <usize>head * headBytes;
      for (let group = 0; group < groups; group += TILE_GROUPS) {
        const tile = min(TILE_GROUPS, groups - group);
        const state = states + <usize>group * STATE_BYTES;
        scoreBlock(scratch + <usize>(group * 4 * headSize), tile, headSize, keys + blockBytes + <usize>(block * headSize), blockKeys);
        weighBlock(state, tile, keyScale + at, keyMinimum + at, blockKeys);
        valueBlock(
          values + blockBytes + (<usize>block << 3), <usize>keyCapacity << 3, headSize, blockKeys, valueUnit,
          tile, out + <usize>(group * 4) * stride + column, stride, block == 0,
        );
      }
    }
    finishRows(out + column, stride, groups * 4, headSize, states);
  }
}

/** One head's queries to i8 ±127, packed [rows/4][headSize/4][4 rows][4], and their first states; a short last group repeats its last row. */
export function packQueries(q: usize, stride: usize, rows: i32, headSize: i32, softmaxScale: f32, packed: usize, states: usize): void {
  const padded = (rows + 3) & ~3;
  const magic = v128.load(ROUND_MAGIC), magicBits = v128.load(ROUND_MAGIC_BITS);
  for (let row = 0; row < padded; row++) {
    const source = q + <usize>min(row, rows - 1) * stride;
    let high = f32x4.abs(v128.load(source));
    for (let i = 4; i < headSize; i += 4) high = f32x4.max(high, f32x4.abs(v128.load(source + (<usize>i << 2))));
    const scale = maxLane(high) * <f32>(1.0 / 127.0);
    const inverse = f32x4.splat(scale > <f32>1e-30 ? <f32>1.0 / scale : 0);
    let out = packed + <usize>((row >> 2) * 4 * headSize + (row & 3) * 4);
    let sum = i32x4.splat(0);
    for (let i = 0; i < headSize; i += 4) {
      const v = roundToI32(f32x4.mul(v128.load(source + (<usize>i << 2)), inverse), magic, magicBits);
      sum = i32x4.add(sum, v);
      const narrow = i16x8.narrow_i32x4_s(v, v);
      i32.store(out, i32x4.extract_lane(i8x16.narrow_i16x8_s(narrow, narrow), 0));
      out += 16;
    }
    const unit = scale * softmaxScale;
    const state = states + <usize>(row >> 2) * STATE_BYTES + <usize>((row & 3) << 2);
    f32.store(state, unit);
    f32.store(state, unit * <f32>sumLanesI32(sum), 16);
    i32.store(state, NO_SCORE, 32);
    f32.store(state, 0, 48);
  }
}

/**
 * Fills FACTORS and returns what one unit of an integer P · V sum is worth: NaN where a scale is no number, so that it shows in the output
 * though integers cannot hold it.
 */
export function prepareFactors(keyScale: usize, keyMinimum: usize, valueScale: usize, keyCount: i32): f32 {
  let largest: f32 = 0, spoiled: f32 = 0;
  for (let i: usize = 0; i < <usize>keyCount << 2; i += 4) {
    const scale = f32.load(valueScale + i);
    largest = max(largest, scale);
    spoiled += (f32.load(keyScale + i) + f32.load(keyMinimum + i)) * 0;
  }
  const factor = f32x4.splat(largest > <f32>1e-30 ? MOST_FACTOR / largest : 0);
  const magic = v128.load(ROUND_MAGIC), magicBits = v128.load(ROUND_MAGIC_BITS);
  let out = FACTORS;
  const end = FACTORS + (<usize>((keyCount + 3) & ~3) << 3);
  do {
    storeFactors(out, roundToI32(f32x4.mul(v128.load(valueScale), factor), magic, magicBits));
    valueScale += 16;
    out += 32;
  } while (out < end);
  return largest * (<f32>32768.0 / MOST_FACTOR) + spoiled;
}

/** SCORES: sums of a tile's query rows against a block of keys. */
export function scoreBlock(packed: usize, groups: i32, headSize: i32, keys: usize, keyCount: i32): void {
  const steps = headSize >> 2;
  const end = SCORES + (<usize>((keyCount + 7) & ~7) << 4);
  for (let scores = SCORES; scores < end; scores += 128) {
    dotTileDiagonal(steps, groups, packed, 4 * headSize, keys, scores, GROUP_SCORES);
    keys += 8 * headSize;
  }
}

/** SCORES to WEIGHTS and DECAYS; the rows' running maxima and sums move on. */
function weighBlock(states: usize, groups: i32, keyScale: usize, keyMinimum: usize, keyCount: i32): void {
  for (let group: usize = 0; group < <usize>groups; group++) {
    const scores = SCORES + group * GROUP_SCORES;
    v128.store(DECAYS + (group << 4), scaleScores(scores, states, keyScale, keyMinimum, keyCount));
    if (hasFusedDot()) weighHalves(scores, states, FACTORS, keyCount, WEIGHTS + group * GROUP_HALVES, LOW_OFFSET);
    else weighWords(scores, states, FACTORS, keyCount, WEIGHTS + 2 * group * GROUP_HALVES);
    states += STATE_BYTES;
  }
}

/** out = out · decay + P · V of one block; the first block does not look at what `out` held. */
function valueBlock(
  values: usize, octetBytes: usize, headSize: i32, keyCount: i32, valueUnit: f32, groups: i32, out: usize, stride: usize, first: bool,
): void {
  const steps = (keyCount + 3) >> 2;
  for (let i = 0; i < headSize; i += 8) {
    valueTile(steps, groups, values);
    addSums(<usize>groups << 7, valueUnit, out + (<usize>i << 2), stride, first);
    values += octetBytes;
  }
}

/**
 * SUMS[m, d] = Σj P[m, j] · v[j, d], rows of some groups by 8 values. With VNNI, two 8-bit dots for P's halves take less than one 16-bit dot
 * (130 against 83 GOP/s at their peaks); without, more. The sums are the same.
 */
function valueTile(steps: i32, groups: i32, values: usize): void {
  if (hasFusedDot()) {
    if (groups == TILE_GROUPS) {
      tallHalf(steps, WEIGHTS, values, SUMS);
      tallHalf(steps, WEIGHTS + LOW_OFFSET, values, LOW_SUMS);
    } else {
      for (let group: usize = 0; group < <usize>groups; group++) {
        dotTileSwapped(steps, WEIGHTS + group * GROUP_HALVES, values, SUMS + (group << 7));
        dotTileSwapped(steps, WEIGHTS + LOW_OFFSET + group * GROUP_HALVES, values, LOW_SUMS + (group << 7));
      }
    }
    const end = <usize>groups << 7;
    for (let i: usize = 0; i < end; i += 16) {
      v128.store(SUMS + i, i32x4.add(i32x4.shl(v128.load(SUMS + i), 7), v128.load(LOW_SUMS + i)));
    }
  } else {
    for (let group: usize = 0; group < <usize>groups; group++) {
      const weights = WEIGHTS + 2 * group * GROUP_HALVES;
      wordTile(steps, weights, values, SUMS + (group << 7));
      wordTile(steps, weights, values + 16, SUMS + (group << 7) + 16);
    }
  }
}

function tallHalf(steps: i32, weights: usize, values: usize, sums: usize): void {
  dotTileTallSwapped(steps, weights, GROUP_HALVES, values, sums);
  dotTileTallSwapped(steps, weights, GROUP_HALVES, values + 16, sums + 16);
}

function addSums(bytes: usize, valueUnit: f32, out: usize, stride: usize, first: bool): void {
  const unit = f32x4.splat(valueUnit);
  let decays = DECAYS;
  const end = SUMS + bytes;
  for (let sums = SUMS; sums < end; sums += 32) {
    const sum0 = f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums)), unit);
    const sum1 = f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums, 16)), unit);
    if (first) {
      v128.store(out, sum0);
      v128.store(out, sum1, 16);
    } else {
      const decay = v128.load32_splat(decays);
      v128.store(out, f32x4.add(f32x4.mul(v128.load(out), decay), sum0));
      v128.store(out, f32x4.add(f32x4.mul(v128.load(out, 16), decay), sum1), 16);
    }
    decays += 4;
    out += stride;
  }
}

/** Half of a value tile, 4 rows by 4 values, in 16-bit products, 4 keys a step. Live: 8 sums + 2 values + 1 weights + 1 splat = 12 of 15 XMM. */
function wordTile(steps: i32, weights: usize, values: usize, sums: usize): void {
  let s00 = i32x4.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
  do {
    const v0 = v128.load8x8_s(values), v1 = v128.load8x8_s(values, 8);
    let pair = v128.load(weights);
    let splat = i8x16.shuffle(pair, pair, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7);
    s00 = i32x4.add(s00, i32x4.dot_i16x8_s(splat, v0));
    s01 = i32x4.add(s01, i32x4.dot_i16x8_s(splat, v1));
    splat = i8x16.shuffle(pair, pair, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
    s10 = i32x4.add(s10, i32x4.dot_i16x8_s(splat, v0));
    s11 = i32x4.add(s11, i32x4.dot_i16x8_s(splat, v1));
    pair = v128.load(weights, 16);
    splat = i8x16.shuffle(pair, pair, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7);
    s20 = i32x4.add(s20, i32x4.dot_i16x8_s(splat, v0));
    s21 = i32x4.add(s21, i32x4.dot_i16x8_s(splat, v1));
    splat = i8x16.shuffle(pair, pair, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
    s30 = i32x4.add(s30, i32x4.dot_i16x8_s(splat, v0));
    s31 = i32x4.add(s31, i32x4.dot_i16x8_s(splat, v1));
    values += 32;
    weights += 32;
  } while (--steps);
  v128.store(sums, addPairs(s00, s01));
  v128.store(sums, addPairs(s10, s11), 32);
  v128.store(sums, addPairs(s20, s21), 64);
  v128.store(sums, addPairs(s30, s31), 96);
}

/** Divides each row by its sum, and spoils it where its queries were no numbers. */
function finishRows(out: usize, stride: usize, rows: i32, headSize: i32, states: usize): void {
  for (let row = 0; row < rows; row++) {
    const state = states + <usize>(row >> 2) * STATE_BYTES + <usize>((row & 3) << 2);
    const inverse = f32x4.splat(SUM_UNITS / f32.load(state, 48) + f32.load(state) * 0);
    for (let i = 0; i < headSize; i += 4) {
      const at = out + (<usize>i << 2);
      v128.store(at, f32x4.mul(v128.load(at), inverse));
    }
    out += stride;
  }
}
