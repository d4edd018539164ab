import { ROUND_MAGIC } from './constants';
import { nextLane } from './dot';
import { exp2 } from './exp2';
import { pick, roundingProduct } from './relaxed';

/**
 * Softmax of four query rows against a block of keys. Everything has a lane for a row: four keys are four vectors, and lane i of vector j is row i,
 * key (i + j) % 4, as `dotTileDiagonal` leaves it, so that maxima and sums never go across lanes.
 *
 * A row's largest weight is 1; P is a weight in 14 bits. Scores are integers, 2^12 to a power of two: from there on 16 bits do, eight numbers in a vector.
 */

/** Bytes of a group's states, [4 rows] each: scale · softmaxScale f32, that times Σ q f32, running maximum i32, running sum of weights f32. */
export const STATE_BYTES: usize = 64;
export const SCORE_UNITS: f32 = 4096;
/** The running sum over P. */
export const SUM_UNITS: f32 = 32768;
/** Scores below this would be no positive float with `ROUND_MAGIC`; 1024 powers of two below zero. */
const LEAST: f32 = -4194304;
const LEAST_SCORE: usize = memory.data<f32>([LEAST, LEAST, LEAST, LEAST], 16);

/** c0 to c3 of 2^-x on [0, 1), 2^15 to one: relative error 1.7e-4. From `scripts/fit-kernels.ts`. */
const C0: usize = memory.data<i16>([32766, 32766, 32766, 32766, 32766, 32766, 32766, 32766], 16);
const C1: usize = memory.data<i16>([22647, 22647, 22647, 22647, 22647, 22647, 22647, 22647], 16);
const C2: usize = memory.data<i16>([7545, 7545, 7545, 7545, 7545, 7545, 7545, 7545], 16);
const C3: usize = memory.data<i16>([1282, 1282, 1282, 1282, 1282, 1282, 1282, 1282], 16);
/** Bits of the fraction, 2^15 to one. */
const FRACTION: usize = memory.data<i16>([0x7ff8, 0x7ff8, 0x7ff8, 0x7ff8, 0x7ff8, 0x7ff8, 0x7ff8, 0x7ff8], 16);
/** Both bytes of a word. */
const BOTH: usize = memory.data<i16>([0x0101, 0x0101, 0x0101, 0x0101, 0x0101, 0x0101, 0x0101, 0x0101], 16);
/** 2^(14 - n) of n = 0..15: its low byte is POWERS[14 - n], its high byte POWERS[6 - n], where that is in the table, else 0. */
const EXPONENTS: usize = memory.data<i8>([14, 6, 14, 6, 14, 6, 14, 6, 14, 6, 14, 6, 14, 6, 14, 6], 16);
const POWERS: usize = memory.data<u8>([1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0], 16);
const LOW_BITS: usize = memory.data<i16>([127, 127, 127, 127, 127, 127, 127, 127], 16);
/** Words of two vectors, one after the other, to words of lane 0, of lane 1... */
const SIDE_BY_SIDE: usize = memory.data<u8>([0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15], 16);
/** Bytes of four keys, two vectors' lanes side by side, then those of the other two, to four rows of four keys. */
const TO_ROWS: usize = memory.data<u8>([0, 1, 8, 9, 11, 2, 3, 10, 12, 13, 4, 5, 7, 14, 15, 6], 16);
const LANES: usize = memory.data<i32>([0, 1, 2, 3], 16);

/**
 * A group's sums to scores, in place, and its running maximum; returns what is left of earlier sums, a row a lane.
 * score = unit · (keyScale · Σ) + (unit · Σ q) · keyMinimum, with the bits of `ROUND_MAGIC` added.
 *
 * @param scores i32 [keys/4][4][4 rows]
 */
export function scaleScores(scores: usize, states: usize, keyScale: usize, keyMinimum: usize, keyCount: i32): v128 {
  const before = v128.load(states, 32);
  let high = before;
  const end = scores + (<usize>(keyCount & ~3) << 4);
  while (scores < end) {
    high = scaleQuad(scores, states, keyScale, keyMinimum, high, false, 0);
    scores += 64;
    keyScale += 16;
    keyMinimum += 16;
  }
  if (keyCount & 3) high = scaleQuad(scores, states, keyScale, keyMinimum, high, true, keyCount & 3);
  v128.store(states, high, 32);
  const fall = f32x4.convert_i32x4_s(i32x4.sub(before, high));
  const decay = exp2(f32x4.mul(fall, f32x4.splat(<f32>1.0 / SCORE_UNITS)), v128.load(ROUND_MAGIC));
  v128.store(states, f32x4.mul(v128.load(states, 48), decay), 48);
  return decay;
}

/** @param partial Only the first `keys` of the four are there; the others get the least score of all. */
// @ts-ignore: decorator
@inline
function scaleQuad(scores: usize, states: usize, keyScale: usize, keyMinimum: usize, high: v128, partial: bool, keys: i32): v128 {
  let scale = v128.load(keyScale), minimum = v128.load(keyMinimum);
  const unit = v128.load(states), unitSum = v128.load(states, 16);
  let score0 = scaled(v128.load(scores), scale, minimum, unit, unitSum);
  scale = nextLane(scale);
  minimum = nextLane(minimum);
  let score1 = scaled(v128.load(scores, 16), scale, minimum, unit, unitSum);
  scale = nextLane(scale);
  minimum = nextLane(minimum);
  let score2 = scaled(v128.load(scores, 32), scale, minimum, unit, unitSum);
  let score3 = scaled(v128.load(scores, 48), nextLane(scale), nextLane(minimum), unit, unitSum);
  if (partial) {
    let there = i32x4.lt_s(v128.load(LANES), i32x4.splat(keys));
    score0 = v128.and(score0, there);
    there = nextLane(there);
    score1 = v128.and(score1, there);
    there = nextLane(there);
    score2 = v128.and(score2, there);
    score3 = v128.and(score3, nextLane(there));
  }
  v128.store(scores, score0);
  v128.store(scores, score1, 16);
  v128.store(scores, score2, 32);
  v128.store(scores, score3, 48);
  return i32x4.max_s(i32x4.max_s(high, score0), i32x4.max_s(i32x4.max_s(score1, score2), score3));
}

// @ts-ignore: decorator
@inline
function scaled(sums: v128, scale: v128, minimum: v128, unit: v128, unitSum: v128): v128 {
  const score = f32x4.add(f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(sums), scale), unit), f32x4.mul(minimum, unitSum));
  return f32x4.add(f32x4.pmax(score, v128.load(LEAST_SCORE)), v128.load(ROUND_MAGIC));
}

/**
 * A group's scores to P, times each key's factor, in bytes [keys/4][4 rows][4 keys]: the high seven bits, and the low seven `lowOffset` beyond.
 * The running sum is that of the weights before they are rounded.
 *
 * @param factors From `storeFactors`.
 */
export function weighHalves(scores: usize, states: usize, factors: usize, keyCount: i32, high: usize, lowOffset: usize): void {
  const maximum = v128.load(states, 32);
  let sum = v128.load(states, 48);
  const end = scores + (<usize>((keyCount + 3) & ~3) << 4);
  do {
    let depth = depths(maximum, scores), power = powers(depth), exponent = exponents(depth);
    let weights = i32x4.dot_i16x8_s(power, exponent);
    const p01 = roundingProduct(roundingProduct(power, v128.load(factors)), exponent);
    depth = depths(maximum, scores + 32);
    power = powers(depth);
    exponent = exponents(depth);
    weights = i32x4.add(weights, i32x4.dot_i16x8_s(power, exponent)); // 2^29 to one; the four keys' order differs by row, so no floats
    const p23 = roundingProduct(roundingProduct(power, v128.load(factors, 16)), exponent);
    sum = f32x4.add(sum, f32x4.convert_i32x4_s(weights));
    const low = v128.load(LOW_BITS);
    v128.store(high, pick(i8x16.narrow_i16x8_u(i16x8.shr_u(p01, 7), i16x8.shr_u(p23, 7)), v128.load(TO_ROWS)));
    v128.store(high + lowOffset, pick(i8x16.narrow_i16x8_u(v128.and(p01, low), v128.and(p23, low)), v128.load(TO_ROWS)));
    scores += 64;
    factors += 32;
    high += 16;
  } while (scores < end);
  v128.store(states, sum, 48);
}

/** The same in words, i16 [keys/4][4 rows][4 keys]. */
export function weighWords(scores: usize, states: usize, factors: usize, keyCount: i32, out: usize): void {
  const maximum = v128.load(states, 32);
  let sum = v128.load(states, 48);
  const end = scores + (<usize>((keyCount + 3) & ~3) << 4);
  do {
    let depth = depths(maximum, scores), power = powers(depth), exponent = exponents(depth);
    let weights = i32x4.dot_i16x8_s(power, exponent);
    const p01 = roundingProduct(roundingProduct(power, v128.load(factors)), exponent);
    depth = depths(maximum, scores + 32);
    power = powers(depth);
    exponent = exponents(depth);
    weights = i32x4.add(weights, i32x4.dot_i16x8_s(power, exponent)); // 2^29 to one; the four keys' order differs by row, so no floats
    const p23 = roundingProduct(roundingProduct(power, v128.load(factors, 16)), exponent);
    sum = f32x4.add(sum, f32x4.convert_i32x4_s(weights));
    v128.store(out, v128.shuffle<i16>(p01, p23, 0, 1, 8, 9, 11, 2, 3, 10));
    v128.store(out, v128.shuffle<i16>(p01, p23, 12, 13, 4, 5, 7, 14, 15, 6), 16);
    scores += 64;
    factors += 32;
    out += 32;
  } while (scores < end);
  v128.store(states, sum, 48);
}

/** What is missing from two vectors of scores to the maximum, at most 2^16 - 1: words, the two of a row side by side. */
// @ts-ignore: decorator
@inline
function depths(maximum: v128, scores: usize): v128 {
  const halves = i16x8.narrow_i32x4_u(i32x4.sub(maximum, v128.load(scores)), i32x4.sub(maximum, v128.load(scores, 16)));
  return pick(halves, v128.load(SIDE_BY_SIDE));
}

/** 2^-(the depth's fraction), 2^15 less two to one. */
// @ts-ignore: decorator
@inline
function powers(depth: v128): v128 {
  const fraction = v128.and(i16x8.shl(depth, 3), v128.load(FRACTION));
  let power = i16x8.sub(v128.load(C2), roundingProduct(fraction, v128.load(C3)));
  power = i16x8.sub(v128.load(C1), roundingProduct(fraction, power));
  return i16x8.sub(v128.load(C0), roundingProduct(fraction, power));
}

/** 2^-(the rest of the depth), 2^14 to one; 0 from 2^-15 down. */
// @ts-ignore: decorator
@inline
function exponents(depth: v128): v128 {
  const places = i8x16.sub(v128.load(EXPONENTS), i16x8.mul(i16x8.shr_u(depth, 12), v128.load(BOTH)));
  return pick(v128.load(POWERS), places);
}

/** Four keys' factors, 2^15 to one, in the order of `depths`: 32 bytes. */
export function storeFactors(out: usize, factors: v128): void {
  const next = nextLane(factors), third = nextLane(next);
  v128.store(out, pick(i16x8.narrow_i32x4_s(factors, next), v128.load(SIDE_BY_SIDE)));
  v128.store(out, pick(i16x8.narrow_i32x4_s(third, nextLane(third)), v128.load(SIDE_BY_SIDE)), 16);
}
