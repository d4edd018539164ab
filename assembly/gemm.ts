import { CODE_MASK } from './constants';
import { dotTile, dotTileTall, hasFusedDot } from './dot';

/** i32 [12 rows][8 columns] of the tiles in work. */
const SUMS: usize = memory.data(384, 16);

/** Weight packings, as in model-shards/README.md. */
const TYPE_U4G32: i32 = 1;

/**
 * out[m, n] = sx[m] · scale[n] · (Σk a[m, k] · u[n, k] - 64 · Σk a[m, k]) + ox[m] · columnSum[n] + bias[n], for columns of whole panels.
 * The panel is the outer loop: its 8·k bytes stay in L1 while all rows pass; rows come from L2.
 *
 * @param rowGroups Groups of four rows; out and rowScales hold as many, so that a tail is computed and ignored.
 * @param a Packed activations, as `quantizeRows` leaves them.
 * @param rowScales 16 bytes a row: sx f32, ox f32, 64 · Σk a i32, unused.
 * @param weights First panel; scale, columnSum, bias, out likewise begin at its first column.
 * @param outStride Bytes from one row of `out` to the next.
 * @param panelScratch 8·k bytes for an unpacked panel; unused with u7.
 */
export function gemm(
  rowGroups: i32, k: i32, panels: i32, type: i32, a: usize, rowScales: usize,
  weights: usize, scale: usize, columnSum: usize, bias: usize, out: usize, outStride: usize, panelScratch: usize,
): void {
  const panelBytes: usize = type == TYPE_U4G32 ? <usize>((k >> 5) * 144) : <usize>(8 * k);
  for (let panel = 0; panel < panels; panel++) {
    let unpacked = weights;
    if (type == TYPE_U4G32) {
      unpackPanel(k >> 5, weights, panelScratch);
      unpacked = panelScratch;
    }
    gemmPanel(rowGroups, k, a, rowScales, unpacked, scale, columnSum, bias, out, outStride);
    weights += panelBytes;
    scale += 32;
    columnSum += 32;
    bias += 32;
    out += 32;
  }
}

function gemmPanel(
  rowGroups: i32, k: i32, a: usize, rowScales: usize, panel: usize, scale: usize, columnSum: usize, bias: usize, out: usize, outStride: usize,
): void {
  if (hasFusedDot()) {
    while (rowGroups >= 3) {
      dotTileTall(k >> 2, a, 4 * k, panel, SUMS);
      dotTileTall(k >> 2, a, 4 * k, panel + 16, SUMS + 16);
      finishTile(12, rowScales, scale, columnSum, bias, out, outStride);
      a += 12 * k;
      rowScales += 192;
      out += 12 * outStride;
      rowGroups -= 3;
    }
  }
  while (rowGroups > 0) {
    dotTile(k >> 2, a, panel, SUMS);
    finishTile(4, rowScales, scale, columnSum, bias, out, outStride);
    rowGroups--;
    a += 4 * k;
    rowScales += 64;
    out += 4 * outStride;
  }
}

/** Products and sums are separate operations, never fused, so that every CPU gives the same bits. */
function finishTile(rows: i32, rowScales: usize, scale: usize, columnSum: usize, bias: usize, out: usize, outStride: usize): void {
  let sums = SUMS;
  const end = SUMS + (<usize>rows << 5);
  const scale0 = v128.load(scale), scale1 = v128.load(scale, 16);
  const columnSum0 = v128.load(columnSum), columnSum1 = v128.load(columnSum, 16);
  const bias0 = v128.load(bias), bias1 = v128.load(bias, 16);
  do {
    const sx = v128.load32_splat(rowScales), ox = v128.load32_splat(rowScales, 4), correction = v128.load32_splat(rowScales, 8);
    const sum0 = f32x4.convert_i32x4_s(i32x4.sub(v128.load(sums), correction));
    const sum1 = f32x4.convert_i32x4_s(i32x4.sub(v128.load(sums, 16), correction));
    v128.store(out, f32x4.add(f32x4.mul(sum0, f32x4.mul(scale0, sx)), f32x4.add(f32x4.mul(columnSum0, ox), bias0)));
    v128.store(out, f32x4.add(f32x4.mul(sum1, f32x4.mul(scale1, sx)), f32x4.add(f32x4.mul(columnSum1, ox), bias1)), 16);
    sums += 32;
    rowScales += 16;
    out += outStride;
  } while (sums < end);
}

/**
 * One u4g32 panel to u7: u = ((code · s + 8) >> 4) + m. With the code in bits 11..14 of a 16-bit lane that is one rounding multiplication:
 * (code · 2^11 · s + 2^14) >> 15. About 10 instructions for 16 weights; at 128 rows that is a twentieth of the panel's dots.
 */
export function unpackPanel(groups: i32, packed: usize, out: usize): void {
  const mask = v128.load(CODE_MASK);
  do {
    const steps = v128.load64_zero(packed), minima = v128.load64_zero(packed, 8);
    // Columns 0 1, 2 3, 4 5, 6 7: each column's step in four 16-bit lanes.
    const step01 = i16x8.extend_low_i8x16_u(i8x16.shuffle(steps, steps, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0));
    const step23 = i16x8.extend_low_i8x16_u(i8x16.shuffle(steps, steps, 2, 2, 2, 2, 3, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0));
    const step45 = i16x8.extend_low_i8x16_u(i8x16.shuffle(steps, steps, 4, 4, 4, 4, 5, 5, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0));
    const step67 = i16x8.extend_low_i8x16_u(i8x16.shuffle(steps, steps, 6, 6, 6, 6, 7, 7, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0));
    const minimum0 = i8x16.shuffle(minima, minima, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    const minimum1 = i8x16.shuffle(minima, minima, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7);
    const next = packed + 144;
    packed += 16;
    do {
      const codes = v128.load(packed);
      const c01 = roundingProduct(v128.and(i16x8.shl(codes, 11), mask), step01);
      const c23 = roundingProduct(v128.and(i16x8.shl(codes, 3), mask), step23);
      const c45 = roundingProduct(v128.and(i16x8.shl(codes, 7), mask), step45);
      const c67 = roundingProduct(v128.and(i16x8.shr_u(codes, 1), mask), step67);
      v128.store(out, i8x16.add(i8x16.narrow_i16x8_u(c01, c23), minimum0));
      v128.store(out, i8x16.add(i8x16.narrow_i16x8_u(c45, c67), minimum1), 16);
      packed += 16;
      out += 32;
    } while (packed < next);
  } while (--groups);
}

/** (a · b + 2^14) >> 15; neither operand is -2^15, where the relaxed form may differ. */
// @ts-ignore: decorator
@inline
function roundingProduct(a: v128, b: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? i16x8.relaxed_q15mulr_s(a, b) : i16x8.q15mulr_sat_s(a, b);
}
