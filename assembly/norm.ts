import { sumLanes } from './lanes';

/**
 * Residual and LayerNorm, in place: x = (x + delta - mean) / sqrt(variance + epsilon) · weight + bias, row by row.
 *
 * @param x f32 [rows, width], dense.
 * @param delta f32 [rows, width], dense, or 0 for none.
 */
export function addLayerNorm(x: usize, delta: usize, rows: i32, width: i32, weight: usize, bias: usize, epsilon: f32): void {
  const rowBytes = <usize>width << 2;
  for (let row = 0; row < rows; row++) {
    if (delta) {
      addRow(x, delta, rowBytes);
      delta += rowBytes;
    }
    normalizeRow(x, rowBytes, <f32>1.0 / <f32>width, weight, bias, epsilon);
    x += rowBytes;
  }
}

function addRow(x: usize, delta: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(x + i, f32x4.add(v128.load(x + i), v128.load(delta + i)));
}

function normalizeRow(x: usize, bytes: usize, inverseWidth: f32, weight: usize, bias: usize, epsilon: f32): void {
  let sum0 = f32x4.splat(0), sum1 = sum0;
  for (let i: usize = 0; i < bytes; i += 32) {
    sum0 = f32x4.add(sum0, v128.load(x + i));
    sum1 = f32x4.add(sum1, v128.load(x + i, 16));
  }
  const mean = f32x4.splat(sumLanes(f32x4.add(sum0, sum1)) * inverseWidth);
  let square0 = f32x4.splat(0), square1 = square0;
  for (let i: usize = 0; i < bytes; i += 32) {
    const d0 = f32x4.sub(v128.load(x + i), mean), d1 = f32x4.sub(v128.load(x + i, 16), mean);
    square0 = f32x4.add(square0, f32x4.mul(d0, d0));
    square1 = f32x4.add(square1, f32x4.mul(d1, d1));
  }
  const variance = sumLanes(f32x4.add(square0, square1)) * inverseWidth;
  const inverse = f32x4.splat(<f32>1.0 / sqrt<f32>(variance + epsilon));
  for (let i: usize = 0; i < bytes; i += 16) {
    const normal = f32x4.mul(f32x4.sub(v128.load(x + i), mean), inverse);
    v128.store(x + i, f32x4.add(f32x4.mul(normal, v128.load(weight + i)), v128.load(bias + i)));
  }
}

/** Rows to unit length, in place; a row of zeros stays. @param x f32 [rows, width], dense, width % 4 = 0. */
export function unitRows(x: usize, rows: i32, width: i32): void {
  const bytes = <usize>width << 2;
  for (let row = 0; row < rows; row++) {
    let sum = f32x4.splat(0);
    for (let i: usize = 0; i < bytes; i += 16) {
      const value = v128.load(x + i);
      sum = f32x4.add(sum, f32x4.mul(value, value));
    }
    // FlagEmbedding divides by max(norm, 1e-12).
    const inverse = f32x4.splat(<f32>1.0 / max(sqrt<f32>(sumLanes(sum)), <f32>1e-12));
    for (let i: usize = 0; i < bytes; i += 16) v128.store(x + i, f32x4.mul(v128.load(x + i), inverse));
    x += bytes;
  }
}

/** 1 if every float is finite. @param count A multiple of 4. */
export function allFinite(x: usize, count: i32): i32 {
  const exponent = i32x4.splat(0x7f800000);
  let bad = i32x4.splat(0);
  const end = x + (<usize>count << 2);
  while (x < end) {
    bad = v128.or(bad, i32x4.eq(v128.and(v128.load(x), exponent), exponent));
    x += 16;
  }
  return i32(!v128.any_true(bad));
}
