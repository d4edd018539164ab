import { BITS_11, BITS_4, BITS_8 } from './constants';
import { dotTile, dotTileTall, hasFusedDot } from './dot';
import { pick, roundingProduct } from './relaxed';

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

/** Bytes of a group's head by lane; 128 gives 0. Steps of columns 0 1, 2 3, 4 5, 6 7, four 16-bit lanes each; minima of columns 0 to 3, 4 to 7. */
const SPREAD: usize = memory.data<u8>([
  0, 128, 0, 128, 0, 128, 0, 128, 1, 128, 1, 128, 1, 128, 1, 128,
  2, 128, 2, 128, 2, 128, 2, 128, 3, 128, 3, 128, 3, 128, 3, 128,
  4, 128, 4, 128, 4, 128, 4, 128, 5, 128, 5, 128, 5, 128, 5, 128,
  6, 128, 6, 128, 6, 128, 6, 128, 7, 128, 7, 128, 7, 128, 7, 128,
  8, 8, 8, 8, 9, 9, 9, 9, 10, 10, 10, 10, 11, 11, 11, 11,
  12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15,
], 16);

/**
 * One u4g32 panel to u7: u = ((code · s + 8) >> 4) + m. With the code in bits 11..14 of a 16-bit lane that is one rounding multiplication:
 * (code · 2^11 · s + 2^14) >> 15; in bits 4..7 or 8..11 it is one by 2^7 · s or 2^3 · s, which still is below 2^15.
 * 21 instructions for 32 weights, with the checks of a load and two stores, and 3 for the group's head; at 128 rows that is a twentieth
 * of the panel's dots. Why the eight runs are written out: a loop's own instructions would be a fifth more.
 * Live: 3 masks + 4 steps + 2 minima + 1 of codes + 2 in work = 12 of V8's 15 XMM.
 */
export function unpackPanel(groups: i32, packed: usize, out: usize): void {
  const bits4 = v128.load(BITS_4), bits8 = v128.load(BITS_8), bits11 = v128.load(BITS_11);
  do {
    const head = v128.load(packed);
    const step01 = pick(head, v128.load(SPREAD));
    const step23 = i16x8.shl(pick(head, v128.load(SPREAD, 16)), 3);
    const step45 = i16x8.shl(pick(head, v128.load(SPREAD, 32)), 7);
    const step67 = pick(head, v128.load(SPREAD, 48));
    const minimum03 = pick(head, v128.load(SPREAD, 64)), minimum47 = pick(head, v128.load(SPREAD, 80));
    let codes: v128;
    codes = v128.load(packed, 16);
    v128.store(out, firstColumns(codes, bits11, bits8, step01, step23, minimum03));
    v128.store(out, lastColumns(codes, bits4, bits11, step45, step67, minimum47), 16);
    codes = v128.load(packed, 32);
    v128.store(out, firstColumns(codes, bits11, bits8, step01, step23, minimum03), 32);
    v128.store(out, lastColumns(codes, bits4, bits11, step45, step67, minimum47), 48);
    codes = v128.load(packed, 48);
    v128.store(out, firstColumns(codes, bits11, bits8, step01, step23, minimum03), 64);
    v128.store(out, lastColumns(codes, bits4, bits11, step45, step67, minimum47), 80);
    codes = v128.load(packed, 64);
    v128.store(out, firstColumns(codes, bits11, bits8, step01, step23, minimum03), 96);
    v128.store(out, lastColumns(codes, bits4, bits11, step45, step67, minimum47), 112);
    codes = v128.load(packed, 80);
    v128.store(out, firstColumns(codes, bits11, bits8, step01, step23, minimum03), 128);
    v128.store(out, lastColumns(codes, bits4, bits11, step45, step67, minimum47), 144);
    codes = v128.load(packed, 96);
    v128.store(out, firstColumns(codes, bits11, bits8, step01, step23, minimum03), 160);
    v128.store(out, lastColumns(codes, bits4, bits11, step45, step67, minimum47), 176);
    codes = v128.load(packed, 112);
    v128.store(out, firstColumns(codes, bits11, bits8, step01, step23, minimum03), 192);
    v128.store(out, lastColumns(codes, bits4, bits11, step45, step67, minimum47), 208);
    codes = v128.load(packed, 128);
    v128.store(out, firstColumns(codes, bits11, bits8, step01, step23, minimum03), 224);
    v128.store(out, lastColumns(codes, bits4, bits11, step45, step67, minimum47), 240);
    packed += 144;
    out += 256;
  } while (--groups);
}

/** Four k of columns 0 to 3, from the low four bits of each byte. */
// @ts-ignore: decorator
@inline
function firstColumns(codes: v128, bits11: v128, bits8: v128, step01: v128, step23: v128, minimum: v128): v128 {
  const c01 = roundingProduct(v128.and(i16x8.shl(codes, 11), bits11), step01);
  const c23 = roundingProduct(v128.and(codes, bits8), step23);
  return i8x16.add(i8x16.narrow_i16x8_u(c01, c23), minimum);
}

/** Four k of columns 4 to 7, from the high four bits. */
// @ts-ignore: decorator
@inline
function lastColumns(codes: v128, bits4: v128, bits11: v128, step45: v128, step67: v128, minimum: v128): v128 {
  const c45 = roundingProduct(v128.and(codes, bits4), step45);
  const c67 = roundingProduct(v128.and(i16x8.shr_u(codes, 1), bits11), step67);
  return i8x16.add(i8x16.narrow_i16x8_u(c45, c67), minimum);
}
