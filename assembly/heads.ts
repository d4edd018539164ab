import { sumLanes } from './lanes';

/** out[m] = x[m] · weight + bias. @param x f32 [rows, width], dense, width % 4 = 0. */
export function rowDots(x: usize, rows: i32, width: i32, weight: usize, bias: f32, out: usize): void {
  const bytes = <usize>width << 2;
  for (let row = 0; row < rows; row++) {
    let sum = f32x4.splat(0);
    for (let i: usize = 0; i < bytes; i += 16) sum = f32x4.add(sum, f32x4.mul(v128.load(x + i), v128.load(weight + i)));
    f32.store(out, sumLanes(sum) + bias);
    x += bytes;
    out += 4;
  }
}

/** out = mean of the rows. @param x f32 [rows, width], dense, rows > 0, width % 4 = 0. */
export function meanRows(x: usize, rows: i32, width: i32, out: usize): void {
  const bytes = <usize>width << 2;
  const factor = f32x4.splat(<f32>1.0 / <f32>rows);
  for (let i: usize = 0; i < bytes; i += 16) {
    let sum = f32x4.splat(0);
    let row = x + i;
    for (let r = 0; r < rows; r++) {
      sum = f32x4.add(sum, v128.load(row));
      row += bytes;
    }
    v128.store(out + i, f32x4.mul(sum, factor));
  }
}

/**
 * out[m, n] = scale[n] · Σk x[m, k] · w[n, k] + bias[n] in float32, weights i8: the ColBERT head, once a pass.
 *
 * @param x f32 [rows, k], dense.
 * @param weights i8, packed [n/8][k][8 columns].
 * @param out f32 [rows rounded up to 4, n], dense; the rows of a short last group repeat its last.
 * @param panelScratch 32·k bytes: one panel in float32, [k][8 columns].
 */
export function gemmF32(rows: i32, k: i32, n: i32, x: usize, weights: usize, scale: usize, bias: usize, out: usize, panelScratch: usize): void {
  const rowBytes = <usize>k << 2, outStride = <usize>n << 2;
  const last = x + <usize>(rows - 1) * rowBytes;
  for (let column = 0; column < n; column += 8) {
    widenPanel(weights, k, panelScratch);
    for (let row = 0; row < rows; row += 4) {
      const x0 = x + <usize>row * rowBytes;
      const x1 = min(x0 + rowBytes, last), x2 = min(x1 + rowBytes, last), x3 = min(x2 + rowBytes, last);
      tileF32(k, x0, x1, x2, x3, panelScratch, scale, bias, out + <usize>row * outStride + (<usize>column << 2), outStride);
    }
    weights += 8 * k;
    scale += 32;
    bias += 32;
  }
}

function widenPanel(weights: usize, k: i32, out: usize): void {
  do {
    const row = v128.load8x8_s(weights);
    v128.store(out, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(row)));
    v128.store(out, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(row)), 16);
    weights += 8;
    out += 32;
  } while (--k);
}

/** Live: 8 sums + 2 weights + 1 splat + 1 product = 12 of 15 XMM. */
function tileF32(
  k: i32, x0: usize, x1: usize, x2: usize, x3: usize, panel: usize, scale: usize, bias: usize, out: usize, outStride: usize,
): void {
  let s00 = f32x4.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
  do {
    const w0 = v128.load(panel), w1 = v128.load(panel, 16);
    let splat = v128.load32_splat(x0);
    s00 = f32x4.add(s00, f32x4.mul(splat, w0));
    s01 = f32x4.add(s01, f32x4.mul(splat, w1));
    splat = v128.load32_splat(x1);
    s10 = f32x4.add(s10, f32x4.mul(splat, w0));
    s11 = f32x4.add(s11, f32x4.mul(splat, w1));
    splat = v128.load32_splat(x2);
    s20 = f32x4.add(s20, f32x4.mul(splat, w0));
    s21 = f32x4.add(s21, f32x4.mul(splat, w1));
    splat = v128.load32_splat(x3);
    s30 = f32x4.add(s30, f32x4.mul(splat, w0));
    s31 = f32x4.add(s31, f32x4.mul(splat, w1));
    x0 += 4;
    x1 += 4;
    x2 += 4;
    x3 += 4;
    panel += 32;
  } while (--k);
  const scale0 = v128.load(scale), scale1 = v128.load(scale, 16), bias0 = v128.load(bias), bias1 = v128.load(bias, 16);
  finishRow(out, s00, s01, scale0, scale1, bias0, bias1);
  finishRow(out + outStride, s10, s11, scale0, scale1, bias0, bias1);
  finishRow(out + 2 * outStride, s20, s21, scale0, scale1, bias0, bias1);
  finishRow(out + 3 * outStride, s30, s31, scale0, scale1, bias0, bias1);
}

// @ts-ignore: decorator
@inline
function finishRow(out: usize, s0: v128, s1: v128, scale0: v128, scale1: v128, bias0: v128, bias1: v128): void {
  v128.store(out, f32x4.add(f32x4.mul(s0, scale0), bias0));
  v128.store(out, f32x4.add(f32x4.mul(s1, scale1), bias1), 16);
}
