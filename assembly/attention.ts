import { addPairs, dotTile, dotTileSwapped, hasFusedDot } from './dot';
import { ROUND_MAGIC, ROUND_MAGIC_BITS, roundToI32 } from './constants';
import { maxLane, minLane, sumLanes, sumLanesI32 } from './lanes';

/**
 * Attention of one text, tiled: 4 query rows against blocks of 512 keys with a running maximum and sum, so that nothing of
 * [tokens x tokens] exists. A text's keys and values are stored once per layer, for each attention head:
 *
 *   keys    u7 [keys/8][headSize/4][8 keys][4]     k ≈ keyScale · u + keyMinimum, a pair a key: softmax does not see what is common to a row
 *   values  i8 [headSize/8][keys/4][8][4 keys]     v ≈ valueScale · q, symmetric
 *   keyScale, keyMinimum, valueScale               f32 [keys]
 *
 * with `keys` the text's tokens rounded up to 8. Padding is never read as a number: its scores are masked and its values meet zeros.
 */
export const KEY_BLOCK: i32 = 512;
/** P has 14 bits: 512 keys · 16383 · 127 stays below 2^31. */
const P_MAX: f32 = 16383;
const MASKED: f32 = -1e30;
const LOG2_E: f32 = 1.4426950408889634;

/** i32 [4 rows][8 keys] of a score tile, or [4 rows][8 values] of a value tile. */
const SUMS: usize = memory.data(128, 16);
/** Likewise, for the low halves of P. */
const LOW_SUMS: usize = memory.data(128, 16);
/** f32 [4 rows][512]: scores in units of log2. */
const SCORES: usize = memory.data(4 * 512 * 4, 16);
/** P: i16 [512/4][4 rows][4 keys], or its high and low seven bits, u8 [512/4][4 rows][4 keys] each. */
const WEIGHTS: usize = memory.data(4 * 512 * 2, 16);
const LOW_WEIGHTS: usize = WEIGHTS + 4 * 512;
/** f32 [512]: valueScale / largest in the block · P_MAX, 0 in the padding. */
const VALUE_FACTORS: usize = memory.data(512 * 4, 16);
/** f32 [4]: what the block's new maximum leaves of each row's earlier sums. */
const DECAYS: usize = memory.data(16, 16);

/**
 * Quantises the keys and values of some rows of a text into its store.
 *
 * @param kv f32 rows, `stride` bytes apart: heads · headSize keys, then as many values.
 * @param firstKey Index in the text of the first row.
 * @param keyCapacity The text's tokens rounded up to 8.
 * @param scales Three arrays f32 [heads][keyCapacity]: keyScale, keyMinimum, valueScale.
 */
export function storeKeysValues(
  kv: usize, stride: usize, rows: i32, firstKey: i32, heads: i32, headSize: i32, keyCapacity: i32, keys: usize, values: usize, scales: usize,
): void {
  const headBytes = <usize>(keyCapacity * headSize);
  const scaleBytes = <usize>keyCapacity << 2;
  const width = <usize>(heads * headSize) << 2;
  for (let row = 0; row < rows; row++) {
    const key = firstKey + row;
    for (let head = 0; head < heads; head++) {
      const source = kv + <usize>(head * headSize << 2);
      const scale = scales + <usize>head * scaleBytes + (<usize>key << 2);
      storeKey(source, headSize, key, keys + <usize>head * headBytes, scale, scale + <usize>heads * scaleBytes);
      storeValue(source + width, headSize, key, keyCapacity, values + <usize>head * headBytes, scale + 2 * <usize>heads * scaleBytes);
    }
    kv += stride;
  }
}

function storeKey(source: usize, headSize: i32, key: i32, keys: usize, scaleOut: usize, minimumOut: usize): void {
  let low = v128.load(source), high = low;
  for (let i = 4; i < headSize; i += 4) {
    const value = v128.load(source + (<usize>i << 2));
    low = f32x4.min(low, value);
    high = f32x4.max(high, value);
  }
  const minimum = minLane(low), scale = (maxLane(high) - minimum) * <f32>(1.0 / 127.0);
  const inverse = f32x4.splat(scale > <f32>1e-30 ? <f32>1.0 / scale : 0), offset = f32x4.splat(minimum);
  const magic = v128.load(ROUND_MAGIC), magicBits = v128.load(ROUND_MAGIC_BITS);
  let out = keys + <usize>((key >> 3) * headSize * 8 + (key & 7) * 4);
  for (let i = 0; i < headSize; i += 4) {
    const q = roundToI32(f32x4.mul(f32x4.sub(v128.load(source + (<usize>i << 2)), offset), inverse), magic, magicBits);
    const narrow = i16x8.narrow_i32x4_s(q, q);
    i32.store(out, i32x4.extract_lane(i8x16.narrow_i16x8_s(narrow, narrow), 0));
    out += 32;
  }
  f32.store(scaleOut, scale);
  f32.store(minimumOut, minimum);
}

function storeValue(source: usize, headSize: i32, key: i32, keyCapacity: i32, values: usize, scaleOut: usize): void {
  let high = f32x4.abs(v128.load(source));
  for (let i = 4; i < headSize; i += 4) high = f32x4.max(high, f32x4.abs(v128.load(source + (<usize>i << 2))));
  const scale = maxLane(high) * <f32>(1.0 / 127.0);
  const inverse = f32x4.splat(scale > <f32>1e-30 ? <f32>1.0 / scale : 0);
  const magic = v128.load(ROUND_MAGIC), magicBits = v128.load(ROUND_MAGIC_BITS);
  let out = values + <usize>((key >> 2) * 32 + (key & 3));
  const octetBytes = <usize>keyCapacity << 3;
  for (let i = 0; i < headSize; i += 8) {
    const q0 = roundToI32(f32x4.mul(v128.load(source + (<usize>i << 2)), inverse), magic, magicBits);
    const q1 = roundToI32(f32x4.mul(v128.load(source + (<usize>i << 2), 16), inverse), magic, magicBits);
    const octet = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(q0, q1), i32x4.splat(0));
    v128.store8_lane(out, octet, 0);
    v128.store8_lane(out, octet, 1, 4);
    v128.store8_lane(out, octet, 2, 8);
    v128.store8_lane(out, octet, 3, 12);
    v128.store8_lane(out, octet, 4, 16);
    v128.store8_lane(out, octet, 5, 20);
    v128.store8_lane(out, octet, 6, 24);
    v128.store8_lane(out, octet, 7, 28);
    out += octetBytes;
  }
  f32.store(scaleOut, scale);
}

/**
 * softmax(q · kᵀ / sqrt(headSize)) · v for some rows and attention heads of one text.
 *
 * @param q f32 rows, `stride` bytes apart, columns [head][headSize].
 * @param out f32 like q; a last group of rows short of four writes up to three rows beyond, with numbers of no meaning.
 * @param scratch rows rounded up to 4, each headSize + 16 bytes: the head's packed queries, then its row states.
 */
export function attention(
  q: usize, stride: usize, rows: i32, headStart: i32, headEnd: i32, heads: i32, headSize: i32,
  keyCount: i32, keyCapacity: i32, keys: usize, values: usize, scales: usize, out: usize, scratch: usize,
): void {
  const headBytes = <usize>(keyCapacity * headSize);
  const scaleBytes = <usize>keyCapacity << 2;
  const groups = (rows + 3) >> 2;
  const states = scratch + <usize>(groups * 4 * headSize);
  const softmaxScale = LOG2_E / sqrt<f32>(<f32>headSize);
  for (let head = headStart; head < headEnd; head++) {
    const column = <usize>(head * headSize) << 2;
    packQueries(q + column, stride, rows, headSize, softmaxScale, scratch, states);
    const keyScale = scales + <usize>head * scaleBytes;
    const keyMinimum = keyScale + <usize>heads * scaleBytes;
    const valueScale = keyMinimum + <usize>heads * scaleBytes;
    for (let block = 0; block < keyCount; block += KEY_BLOCK) {
      const blockBytes = <usize>block << 2;
      const blockKeys = min(KEY_BLOCK, keyCount - block);
      const valueUnit = prepareValueFactors(valueScale + blockBytes, blockKeys);
      for (let group = 0; group < groups; group++) {
        scoreBlock(
          scratch + <usize>(group * 4 * headSize), states + <usize>(group << 6), headSize,
          keys + <usize>head * headBytes + <usize>(block * headSize), keyScale + blockBytes, keyMinimum + blockBytes, blockKeys,
        );
        softmaxBlock(states + <usize>(group << 6), blockKeys);
        valueBlock(
          values + <usize>head * headBytes + (<usize>block << 3), <usize>keyCapacity << 3, headSize, blockKeys, valueUnit,
          out + <usize>(group * 4) * stride + column, stride, block == 0,
        );
      }
    }
    finishRows(out + column, stride, groups * 4, headSize, states);
  }
}

/**
 * One head's queries to i8 ±127, packed [rows/4][headSize/4][4 rows][4]; a short last group repeats its last row.
 * A row's state, 16 bytes: scale · softmaxScale, that times Σ q, running maximum, running sum.
 */
function packQueries(q: usize, stride: usize, rows: i32, headSize: i32, softmaxScale: f32, packed: usize, states: usize): void {
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
    f32.store(states, unit);
    f32.store(states, unit * <f32>sumLanesI32(sum), 4);
    f32.store(states, MASKED, 8);
    f32.store(states, 0, 12);
    states += 16;
  }
}

/** Fills VALUE_FACTORS and returns what one unit of an integer P · V sum is worth. */
function prepareValueFactors(valueScale: usize, keys: i32): f32 {
  let largest: f32 = 0;
  for (let i = 0; i < keys; i++) largest = max(largest, f32.load(valueScale + (<usize>i << 2)));
  const factor = largest > <f32>1e-30 ? P_MAX / largest : 0;
  const padded = (keys + 7) & ~7;
  for (let i = 0; i < keys; i++) f32.store(VALUE_FACTORS + (<usize>i << 2), f32.load(valueScale + (<usize>i << 2)) * factor);
  for (let i = keys; i < padded; i++) f32.store(VALUE_FACTORS + (<usize>i << 2), 0);
  return largest * (<f32>1.0 / P_MAX);
}

/** SCORES of four query rows against a block of keys, padding masked. */
function scoreBlock(packed: usize, states: usize, headSize: i32, keys: usize, keyScale: usize, keyMinimum: usize, keyCount: i32): void {
  const padded = (keyCount + 7) & ~7;
  for (let key = 0; key < padded; key += 8) {
    dotTile(headSize >> 2, packed, keys, SUMS);
    const at = <usize>key << 2;
    finishScores(states, keyScale + at, keyMinimum + at, SCORES + at);
    keys += 8 * headSize;
  }
  for (let key = keyCount; key < padded; key++) {
    const at = SCORES + (<usize>key << 2);
    f32.store(at, MASKED);
    f32.store(at, MASKED, 2048);
    f32.store(at, MASKED, 4096);
    f32.store(at, MASKED, 6144);
  }
}

/** score = unit · (keyScale · Σ) + (unit · Σ q) · keyMinimum */
function finishScores(states: usize, keyScale: usize, keyMinimum: usize, scores: usize): void {
  const scale0 = v128.load(keyScale), scale1 = v128.load(keyScale, 16), minimum0 = v128.load(keyMinimum), minimum1 = v128.load(keyMinimum, 16);
  let sums = SUMS;
  const end = SUMS + 128;
  do {
    const unit = v128.load32_splat(states), unitSum = v128.load32_splat(states, 4);
    const sum0 = f32x4.convert_i32x4_s(v128.load(sums)), sum1 = f32x4.convert_i32x4_s(v128.load(sums, 16));
    v128.store(scores, f32x4.add(f32x4.mul(f32x4.mul(sum0, scale0), unit), f32x4.mul(minimum0, unitSum)));
    v128.store(scores, f32x4.add(f32x4.mul(f32x4.mul(sum1, scale1), unit), f32x4.mul(minimum1, unitSum)), 16);
    sums += 32;
    states += 16;
    scores += 2048;
  } while (sums < end);
}

/** SCORES to WEIGHTS and DECAYS; the rows' running maxima and sums move on. */
function softmaxBlock(states: usize, keyCount: i32): void {
  const padded = (keyCount + 7) & ~7;
  for (let row = 0; row < 4; row++) {
    const scores = SCORES + <usize>(row << 11);
    const end = scores + (<usize>padded << 2);
    let high = v128.load(scores);
    for (let at = scores + 16; at < end; at += 16) high = f32x4.pmax(high, v128.load(at));
    const before = f32.load(states, 8);
    const maximum = max(before, maxLane(high));
    const decay = f32x4.extract_lane(exp2(f32x4.splat(before - maximum), v128.load(ROUND_MAGIC)), 0);
    const sum = weighRow(scores, end, f32x4.splat(maximum), row);
    f32.store(states, maximum, 8);
    f32.store(states, f32.load(states, 12) * decay + sum, 12);
    f32.store(DECAYS + <usize>(row << 2), decay);
    states += 16;
  }
}

/** One row's 2^(score - maximum), times its value's factor, to 14 bits in WEIGHTS. @returns The sum of the former. */
function weighRow(scores: usize, end: usize, maximum: v128, row: i32): f32 {
  const magic = v128.load(ROUND_MAGIC), magicBits = v128.load(ROUND_MAGIC_BITS);
  const halves = hasFusedDot();
  let weights = WEIGHTS + <usize>(halves ? row << 2 : row << 3);
  let factors = VALUE_FACTORS;
  let sum = f32x4.splat(0);
  do {
    const p0 = exp2(f32x4.sub(v128.load(scores), maximum), magic), p1 = exp2(f32x4.sub(v128.load(scores, 16), maximum), magic);
    sum = f32x4.add(sum, f32x4.add(p0, p1));
    const q0 = roundToI32(f32x4.mul(p0, v128.load(factors)), magic, magicBits);
    const q1 = roundToI32(f32x4.mul(p1, v128.load(factors, 16)), magic, magicBits);
    const q = i16x8.narrow_i32x4_s(q0, q1);
    if (halves) {
      const bytes = i8x16.narrow_i16x8_u(i16x8.shr_u(q, 7), v128.and(q, i16x8.splat(127)));
      v128.store32_lane(weights, bytes, 0);
      v128.store32_lane(weights, bytes, 1, 16);
      v128.store32_lane(weights, bytes, 2, LOW_WEIGHTS - WEIGHTS);
      v128.store32_lane(weights, bytes, 3, LOW_WEIGHTS - WEIGHTS + 16);
      weights += 32;
    } else {
      v128.store64_lane(weights, q, 0);
      v128.store64_lane(weights, q, 1, 32);
      weights += 64;
    }
    scores += 32;
    factors += 32;
  } while (scores < end);
  return sumLanes(sum);
}

/** Coefficients of 2^x on ±1/2, highest power first, then -126: four of each. From `scripts/fit-kernels.ts`. */
const C4: f32 = 0.009570105001330376;
const C3: f32 = 0.05591785907745361;
const C2: f32 = 0.240247443318367;
const C1: f32 = 0.6931217908859253;
const C0: f32 = 0.9999992847442627;
const EXP2: usize = memory.data<f32>(
  [C4, C4, C4, C4, C3, C3, C3, C3, C2, C2, C2, C2, C1, C1, C1, C1, C0, C0, C0, C0, -126, -126, -126, -126],
  16,
);

/**
 * 2^x for x ≤ 0: the integer part goes into the exponent, the rest through a polynomial (relative error 3e-6, a twentieth of what 14 bits of
 * P resolve). Below -126 it gives 2^-126, which P rounds to 0.
 */
// @ts-ignore: decorator
@inline
function exp2(x: v128, magic: v128): v128 {
  const clamped = f32x4.pmax(x, v128.load(EXP2, 80)); // NaN passes, and shows in the row's sum
  const shifted = f32x4.add(clamped, magic);
  const fraction = f32x4.sub(clamped, f32x4.sub(shifted, magic));
  let p = f32x4.add(f32x4.mul(v128.load(EXP2), fraction), v128.load(EXP2, 16));
  p = f32x4.add(f32x4.mul(p, fraction), v128.load(EXP2, 32));
  p = f32x4.add(f32x4.mul(p, fraction), v128.load(EXP2, 48));
  p = f32x4.add(f32x4.mul(p, fraction), v128.load(EXP2, 64));
  return i32x4.add(p, i32x4.shl(shifted, 23));
}

/** out = out · decay + P · V of one block, four rows; the first block does not look at what `out` held. */
function valueBlock(values: usize, octetBytes: usize, headSize: i32, keyCount: i32, valueUnit: f32, out: usize, stride: usize, first: bool): void {
  const steps = (keyCount + 7) >> 3 << 1;
  const unit = f32x4.splat(valueUnit);
  for (let i = 0; i < headSize; i += 8) {
    valueTile(steps, values);
    let target = out + (<usize>i << 2);
    for (let row: usize = 0; row < 4; row++) {
      const sum0 = f32x4.mul(f32x4.convert_i32x4_s(v128.load(SUMS + (row << 5))), unit);
      const sum1 = f32x4.mul(f32x4.convert_i32x4_s(v128.load(SUMS + (row << 5), 16)), unit);
      if (first) {
        v128.store(target, sum0);
        v128.store(target, sum1, 16);
      } else {
        const decay = v128.load32_splat(DECAYS + (row << 2));
        v128.store(target, f32x4.add(f32x4.mul(v128.load(target), decay), sum0));
        v128.store(target, f32x4.add(f32x4.mul(v128.load(target, 16), decay), sum1), 16);
      }
      target += stride;
    }
    values += octetBytes;
  }
}

/**
 * SUMS[m, d] = Σj P[m, j] · v[j, d], 4 rows by 8 values. With VNNI, two 8-bit dots for P's halves take less than one 16-bit dot (107
 * against 83 GOP/s at their peaks); without, more. The sums are the same.
 */
function valueTile(steps: i32, values: usize): void {
  if (hasFusedDot()) {
    dotTileSwapped(steps, WEIGHTS, values, SUMS);
    dotTileSwapped(steps, LOW_WEIGHTS, values, LOW_SUMS);
    for (let i: usize = 0; i < 128; i += 16) {
      v128.store(SUMS + i, i32x4.add(i32x4.shl(v128.load(SUMS + i), 7), v128.load(LOW_SUMS + i)));
    }
  } else {
    wordTile(steps, values, SUMS);
    wordTile(steps, values + 16, SUMS + 16);
  }
}

/** Half of a value tile, 4 rows by 4 values, in 16-bit products, 4 keys a step. Live: 8 sums + 2 values + 1 weights + 1 splat = 12 of 15 XMM. */
function wordTile(steps: i32, values: usize, sums: usize): void {
  let weights = WEIGHTS;
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

/** Divides each row by its sum. */
function finishRows(out: usize, stride: usize, rows: i32, headSize: i32, states: usize): void {
  for (let row = 0; row < rows; row++) {
    const inverse = f32x4.splat(<f32>1.0 / f32.load(states, 12));
    for (let i = 0; i < headSize; i += 4) {
      const at = out + (<usize>i << 2);
      v128.store(at, f32x4.mul(v128.load(at), inverse));
    }
    out += stride;
    states += 16;
  }
}
