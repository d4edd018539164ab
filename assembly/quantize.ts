import { ROUND_MAGIC, ROUND_MAGIC_BITS, roundToI32 } from './constants';
import { maxLane, minLane, sumLanes, sumLanesI32 } from './lanes';

/**
 * Activations to 8 bits a token, asymmetric: x ≈ sx · q + ox, q within ±127, ox the middle of the token's range. Outlier channels of a
 * post-LayerNorm encoder are one-sided, and GELU's output is nearly so: the middle halves their step.
 *
 * @param x f32 rows, `stride` bytes apart, k values each (k % 4 = 0).
 * @param out i8, packed [rows/4][k/4][4 rows][4 k]; a last group short of rows repeats its last row.
 * @param rowScales 16 bytes a row: sx f32, ox f32, 64 · Σk q i32, unused; as many rows as `out`.
 */
export function quantizeRows(x: usize, stride: usize, rows: i32, k: i32, out: usize, rowScales: usize): void {
  const last = x + <usize>(rows - 1) * stride;
  for (let row = 0; row < rows; row += 4) {
    const x1 = min(x + stride, last), x2 = min(x1 + stride, last), x3 = min(x2 + stride, last);
    rowRange(x, k, rowScales);
    rowRange(x1, k, rowScales + 16);
    rowRange(x2, k, rowScales + 32);
    rowRange(x3, k, rowScales + 48);
    quantizeGroup(x, x1, x2, x3, k, out, rowScales);
    x = min(x3 + stride, last);
    out += 4 * k;
    rowScales += 64;
  }
}

/**
 * Writes the row's sx and ox, and 1 / sx into the third word for `quantizeGroup` to replace. `pmin` and `pmax` are one instruction where
 * `min` and `max` are seven, but drop NaN; `spoiled` keeps it, and infinities: it sums x · 0.
 */
function rowRange(x: usize, k: i32, rowScale: usize): void {
  let low = v128.load(x), high = low, spoiled = f32x4.splat(0);
  const zero = spoiled;
  const end = x + (<usize>k << 2);
  do {
    const value = v128.load(x);
    low = f32x4.pmin(low, value);
    high = f32x4.pmax(high, value);
    spoiled = f32x4.add(spoiled, f32x4.mul(value, zero));
    x += 16;
  } while (x < end);
  const lowest = minLane(low), highest = maxLane(high);
  const sx = (highest - lowest) * <f32>(1.0 / 254.0) + sumLanes(spoiled);
  f32.store(rowScale, sx);
  f32.store(rowScale, (highest + lowest) * <f32>0.5, 4);
  // A scale too small to invert quantises to zeros: the row is its middle.
  f32.store(rowScale, sx > <f32>1e-30 ? <f32>1.0 / sx : 0, 8);
}

export function quantizeGroup(x0: usize, x1: usize, x2: usize, x3: usize, k: i32, out: usize, rowScales: usize): void {
  const magic = v128.load(ROUND_MAGIC), magicBits = v128.load(ROUND_MAGIC_BITS);
  const middle0 = v128.load32_splat(rowScales, 4), inverse0 = v128.load32_splat(rowScales, 8);
  const middle1 = v128.load32_splat(rowScales, 20), inverse1 = v128.load32_splat(rowScales, 24);
  const middle2 = v128.load32_splat(rowScales, 36), inverse2 = v128.load32_splat(rowScales, 40);
  const middle3 = v128.load32_splat(rowScales, 52), inverse3 = v128.load32_splat(rowScales, 56);
  let sum0 = i32x4.splat(0), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  const end = out + 4 * k;
  do {
    const q0 = roundToI32(f32x4.mul(f32x4.sub(v128.load(x0), middle0), inverse0), magic, magicBits);
    const q1 = roundToI32(f32x4.mul(f32x4.sub(v128.load(x1), middle1), inverse1), magic, magicBits);
    const q2 = roundToI32(f32x4.mul(f32x4.sub(v128.load(x2), middle2), inverse2), magic, magicBits);
    const q3 = roundToI32(f32x4.mul(f32x4.sub(v128.load(x3), middle3), inverse3), magic, magicBits);
    sum0 = i32x4.add(sum0, q0);
    sum1 = i32x4.add(sum1, q1);
    sum2 = i32x4.add(sum2, q2);
    sum3 = i32x4.add(sum3, q3);
    v128.store(out, i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(q0, q1), i16x8.narrow_i32x4_s(q2, q3)));
    x0 += 16;
    x1 += 16;
    x2 += 16;
    x3 += 16;
    out += 16;
  } while (out < end);
  i32.store(rowScales, sumLanesI32(sum0) << 6, 8);
  i32.store(rowScales, sumLanesI32(sum1) << 6, 24);
  i32.store(rowScales, sumLanesI32(sum2) << 6, 40);
  i32.store(rowScales, sumLanesI32(sum3) << 6, 56);
}
