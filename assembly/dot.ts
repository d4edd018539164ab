import { ONES_I16 } from './constants';

/**
 * Which dot product the integer tiles use. All three give the same bits: activations lie within ±127 and weights within 0..127, so no
 * intermediate saturates (2 · 127 · 127 < 2^15).
 */
export const DOT_PLAIN: i32 = 0;
/** pmaddubsw and pmaddwd: relaxed SIMD on CPUs whose relaxed_dot_add is slow. */
export const DOT_PAIRWISE: i32 = 1;
/** vpdpbusd or its like. */
export const DOT_FUSED: i32 = 2;

let dotKind: i32 = DOT_PLAIN;

/** Whether `fusedTile` is the fastest here. */
// @ts-ignore: decorator
@inline
export function hasFusedDot(): bool {
  return ASC_FEATURE_RELAXED_SIMD ? dotKind == DOT_FUSED : false;
}

/**
 * Asks the CPU which path it has: relaxed_dot_add of 127 and -1 as unsigned 255 is 4 · 127 · 255 = 129540 where the product is not
 * saturated to i16 (VNNI), 65534 where pairs are (pmaddubsw).
 *
 * @param forced A DOT_ constant to use instead, or -1; tests compare the paths with it. Ignored where this module has no such path.
 * @returns The DOT_ constant in use.
 */
export function selectDot(forced: i32): i32 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    const probe = i32x4.relaxed_dot_i8x16_i7x16_add_s(i8x16.splat(127), i8x16.splat(-1), i32x4.splat(0));
    dotKind = forced >= 0 ? forced : i32x4.extract_lane(probe, 0) == 65534 ? DOT_PAIRWISE : DOT_FUSED;
  }
  return dotKind;
}

/**
 * Integer sums of one 4x8 tile: sums[m, n] = Σk a[m, k] · w[n, k].
 * a: 4 rows, i8 within ±127, packed [k/4][4 rows][4 k]. w: 8 columns, u7 in 0..127, packed [k/4][8 columns][4 k]. k % 4 = 0, k > 0.
 * sums: i32 [4 rows][8 columns]. |Σ| ≤ k · 127², so i32 holds up to k = 133 000.
 */
export function dotTile(steps: i32, a: usize, w: usize, sums: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (dotKind == DOT_FUSED) return fusedTile(steps, a, w, sums, false);
    if (dotKind == DOT_PAIRWISE) return pairwiseTile(steps, a, w, sums);
  }
  plainTile(steps, a, w, sums);
}

/**
 * Integer sums of one 12x4 tile, three row groups by half a panel; the operands of `dotTile`. Only where `hasFusedDot`.
 *
 * @param groupBytes From one group of four rows in `a` to the next.
 * @param sums i32 [12 rows][8 columns], the four columns from its first.
 */
export function dotTileTall(steps: i32, a: usize, groupBytes: usize, w: usize, sums: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) tallTile(steps, a, groupBytes, w, sums, 128, false, false);
}

/** `dotTileTall` where rows are in 0..127 and columns within ±127. */
export function dotTileTallSwapped(steps: i32, a: usize, groupBytes: usize, w: usize, sums: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) tallTile(steps, a, groupBytes, w, sums, 128, true, false);
}

/**
 * Up to three groups of rows by a panel, the operands of `dotTile`, in another order: sums i32 [2][4][4 rows] of each group, `sumsBytes` apart,
 * for columns 0 to 3 and 4 to 7; lane i of vector j is row i, column (i + j) % 4.
 */
export function dotTileDiagonal(steps: i32, groups: i32, a: usize, groupBytes: usize, w: usize, sums: usize, sumsBytes: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (dotKind == DOT_FUSED && groups == 3) {
      diagonalTile(steps, a, groupBytes, w, sums, sumsBytes);
      return diagonalTile(steps, a, groupBytes, w + 16, sums + 64, sumsBytes);
    }
  }
  for (; groups > 0; groups--) {
    dotTile(steps, a, w, ROWS);
    loadDiagonals(ROWS, sums);
    loadDiagonals(ROWS + 16, sums + 64);
    a += groupBytes;
    sums += sumsBytes;
  }
}

/** i32 [4 rows][8 columns] */
const ROWS: usize = memory.data(128, 16);

function diagonalTile(steps: i32, a: usize, groupBytes: usize, w: usize, sums: usize, sumsBytes: usize): void {
  tallTile(steps, a, groupBytes, w, sums, sumsBytes, false, true);
}

/**
 * The tile of `dotTile` where the four rows are in 0..127 and the eight columns within ±127: P against values in attention.
 * Only where `hasFusedDot`.
 */
export function dotTileSwapped(steps: i32, a: usize, w: usize, sums: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) fusedTile(steps, a, w, sums, true);
}

/**
 * Why 4x8: workerd checks the bounds of every load, so 3 loads feed 8 dots: a comes as one vector, its rows splat by shuffle.
 * Live: 8 sums + 2 weights + 1 activation + 1 splat = 12 of V8's 15 XMM.
 *
 * @param swapped Which of the dot's operands, signed first, is `a`.
 */
// @ts-ignore: decorator
@inline
function fusedTile(steps: i32, a: usize, w: usize, sums: usize, swapped: bool): void {
  let s00 = i32x4.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
  do {
    const w0 = v128.load(w), w1 = v128.load(w, 16), rows = v128.load(a);
    let splat = i8x16.shuffle(rows, rows, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
    s00 = fusedDot(splat, w0, s00, swapped);
    s01 = fusedDot(splat, w1, s01, swapped);
    splat = i8x16.shuffle(rows, rows, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
    s10 = fusedDot(splat, w0, s10, swapped);
    s11 = fusedDot(splat, w1, s11, swapped);
    splat = i8x16.shuffle(rows, rows, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11);
    s20 = fusedDot(splat, w0, s20, swapped);
    s21 = fusedDot(splat, w1, s21, swapped);
    splat = i8x16.shuffle(rows, rows, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15);
    s30 = fusedDot(splat, w0, s30, swapped);
    s31 = fusedDot(splat, w1, s31, swapped);
    a += 16;
    w += 32;
  } while (--steps);
  storeSums(sums, s00, s01, s10, s11, s20, s21, s30, s31);
}

// @ts-ignore: decorator
@inline
function fusedDot(a: v128, w: v128, sum: v128, swapped: bool): v128 {
  return swapped ? i32x4.relaxed_dot_i8x16_i7x16_add_s(w, a, sum) : i32x4.relaxed_dot_i8x16_i7x16_add_s(a, w, sum);
}

/**
 * Why 12x4: two fused dots begin in a cycle and take 4 or 5, so that 8 sums keep them waiting and 12 do not. Nothing is splat: a lane is a
 * row, and the four columns go round; lane i of a group's sum j holds row i, column (i + j) % 4.
 * Live: 12 sums + 2 groups + 1 of columns = all of V8's 15 XMM; 4 loads and 6 shuffles feed 12 dots. In a loop of its own on Zen 5, loads checked,
 * 96 % of the peak; 4x8 83 %.
 */
// @ts-ignore: decorator
@inline
function tallTile(
  steps: i32, a: usize, groupBytes: usize, w: usize, sums: usize, sumsBytes: usize, swapped: bool, diagonal: bool,
): void {
  let s0 = i32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0, s8 = s0, s9 = s0, s10 = s0, s11 = s0;
  let b = a + groupBytes, c = b + groupBytes;
  do {
    let columns = v128.load(w), rows = v128.load(a);
    const others = v128.load(b);
    s0 = fusedDot(rows, columns, s0, swapped);
    s4 = fusedDot(others, columns, s4, swapped);
    columns = nextLane(columns);
    s1 = fusedDot(rows, columns, s1, swapped);
    s5 = fusedDot(others, columns, s5, swapped);
    columns = nextLane(columns);
    s2 = fusedDot(rows, columns, s2, swapped);
    s6 = fusedDot(others, columns, s6, swapped);
    columns = nextLane(columns);
    s3 = fusedDot(rows, columns, s3, swapped);
    s7 = fusedDot(others, columns, s7, swapped);
    rows = v128.load(c);
    s11 = fusedDot(rows, columns, s11, swapped);
    columns = nextLane(columns);
    s8 = fusedDot(rows, columns, s8, swapped);
    columns = nextLane(columns);
    s9 = fusedDot(rows, columns, s9, swapped);
    columns = nextLane(columns);
    s10 = fusedDot(rows, columns, s10, swapped);
    a += 16;
    b += 16;
    c += 16;
    w += 32;
  } while (--steps);
  storeGroup(sums, s0, s1, s2, s3, diagonal);
  storeGroup(sums + sumsBytes, s4, s5, s6, s7, diagonal);
  storeGroup(sums + 2 * sumsBytes, s8, s9, s10, s11, diagonal);
}

// @ts-ignore: decorator
@inline
export function nextLane(v: v128): v128 {
  return i8x16.shuffle(v, v, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3);
}

// @ts-ignore: decorator
@inline
function storeGroup(sums: usize, s0: v128, s1: v128, s2: v128, s3: v128, diagonal: bool): void {
  if (!diagonal) return storeDiagonals(sums, s0, s1, s2, s3);
  v128.store(sums, s0);
  v128.store(sums, s1, 16);
  v128.store(sums, s2, 32);
  v128.store(sums, s3, 48);
}

/** Four sums whose lane i is row i, column (i + j) % 4, as four rows, 32 bytes apart. */
function storeDiagonals(sums: usize, s0: v128, s1: v128, s2: v128, s3: v128): void {
  const s02 = v128.shuffle<i32>(s0, s2, 0, 1, 6, 7), s20 = v128.shuffle<i32>(s2, s0, 0, 1, 6, 7);
  const s13 = v128.shuffle<i32>(s1, s3, 0, 1, 6, 7), s31 = v128.shuffle<i32>(s3, s1, 0, 1, 6, 7);
  const column0 = v128.shuffle<i32>(s02, s31, 0, 5, 2, 7), column1 = v128.shuffle<i32>(s13, s02, 0, 5, 2, 7);
  const column2 = v128.shuffle<i32>(s20, s13, 0, 5, 2, 7), column3 = v128.shuffle<i32>(s31, s20, 0, 5, 2, 7);
  const low01 = v128.shuffle<i32>(column0, column1, 0, 4, 1, 5), high01 = v128.shuffle<i32>(column0, column1, 2, 6, 3, 7);
  const low23 = v128.shuffle<i32>(column2, column3, 0, 4, 1, 5), high23 = v128.shuffle<i32>(column2, column3, 2, 6, 3, 7);
  v128.store(sums, v128.shuffle<i64>(low01, low23, 0, 2));
  v128.store(sums, v128.shuffle<i64>(low01, low23, 1, 3), 32);
  v128.store(sums, v128.shuffle<i64>(high01, high23, 0, 2), 64);
  v128.store(sums, v128.shuffle<i64>(high01, high23, 1, 3), 96);
}

/** The way back: four rows of four columns, 32 bytes apart, to four sums. */
function loadDiagonals(rows: usize, sums: usize): void {
  const row0 = v128.load(rows), row1 = v128.load(rows, 32), row2 = v128.load(rows, 64), row3 = v128.load(rows, 96);
  const low01 = v128.shuffle<i32>(row0, row1, 0, 4, 1, 5), high01 = v128.shuffle<i32>(row0, row1, 2, 6, 3, 7);
  const low23 = v128.shuffle<i32>(row2, row3, 0, 4, 1, 5), high23 = v128.shuffle<i32>(row2, row3, 2, 6, 3, 7);
  const column0 = v128.shuffle<i64>(low01, low23, 0, 2), column1 = v128.shuffle<i64>(low01, low23, 1, 3);
  const column2 = v128.shuffle<i64>(high01, high23, 0, 2), column3 = v128.shuffle<i64>(high01, high23, 1, 3);
  const c02 = v128.shuffle<i32>(column0, column2, 0, 1, 6, 7), c20 = v128.shuffle<i32>(column2, column0, 0, 1, 6, 7);
  const c13 = v128.shuffle<i32>(column1, column3, 0, 1, 6, 7), c31 = v128.shuffle<i32>(column3, column1, 0, 1, 6, 7);
  v128.store(sums, v128.shuffle<i32>(c02, c13, 0, 5, 2, 7));
  v128.store(sums, v128.shuffle<i32>(c13, c20, 0, 5, 2, 7), 16);
  v128.store(sums, v128.shuffle<i32>(c20, c31, 0, 5, 2, 7), 32);
  v128.store(sums, v128.shuffle<i32>(c31, c02, 0, 5, 2, 7), 48);
}

/** Live: 8 sums + 2 weights + 1 activation + 1 splat + ones + 1 product = 14 of 15 XMM. */
function pairwiseTile(steps: i32, a: usize, w: usize, sums: usize): void {
  const ones = v128.load(ONES_I16);
  let s00 = i32x4.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
  do {
    const w0 = v128.load(w), w1 = v128.load(w, 16), rows = v128.load(a);
    let splat = i8x16.shuffle(rows, rows, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
    s00 = i32x4.add(s00, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(splat, w0), ones));
    s01 = i32x4.add(s01, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(splat, w1), ones));
    splat = i8x16.shuffle(rows, rows, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
    s10 = i32x4.add(s10, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(splat, w0), ones));
    s11 = i32x4.add(s11, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(splat, w1), ones));
    splat = i8x16.shuffle(rows, rows, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11);
    s20 = i32x4.add(s20, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(splat, w0), ones));
    s21 = i32x4.add(s21, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(splat, w1), ones));
    splat = i8x16.shuffle(rows, rows, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15);
    s30 = i32x4.add(s30, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(splat, w0), ones));
    s31 = i32x4.add(s31, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(splat, w1), ones));
    a += 16;
    w += 32;
  } while (--steps);
  storeSums(sums, s00, s01, s10, s11, s20, s21, s30, s31);
}

function storeSums(sums: usize, s00: v128, s01: v128, s10: v128, s11: v128, s20: v128, s21: v128, s30: v128, s31: v128): void {
  v128.store(sums, s00);
  v128.store(sums, s01, 16);
  v128.store(sums, s10, 32);
  v128.store(sums, s11, 48);
  v128.store(sums, s20, 64);
  v128.store(sums, s21, 80);
  v128.store(sums, s30, 96);
  v128.store(sums, s31, 112);
}

/** Without relaxed SIMD: 16-bit products, two rows at a time, as each needs four sums. */
function plainTile(steps: i32, a: usize, w: usize, sums: usize): void {
  plainRows(steps, a, w, sums);
  plainRows(steps, a + 8, w, sums + 64);
}

/** Live: 8 sums + 4 weights + 1 activation + 1 splat = 14 of 15 XMM. Each sum lane holds one column's even or odd pair of k. */
function plainRows(steps: i32, a: usize, w: usize, sums: usize): void {
  let s00 = i32x4.splat(0), s01 = s00, s02 = s00, s03 = s00, s10 = s00, s11 = s00, s12 = s00, s13 = s00;
  do {
    const w0 = v128.load8x8_u(w), w1 = v128.load8x8_u(w, 8), w2 = v128.load8x8_u(w, 16), w3 = v128.load8x8_u(w, 24);
    const rows = v128.load8x8_s(a);
    let splat = i64x2.splat(i64x2.extract_lane(rows, 0));
    s00 = i32x4.add(s00, i32x4.dot_i16x8_s(splat, w0));
    s01 = i32x4.add(s01, i32x4.dot_i16x8_s(splat, w1));
    s02 = i32x4.add(s02, i32x4.dot_i16x8_s(splat, w2));
    s03 = i32x4.add(s03, i32x4.dot_i16x8_s(splat, w3));
    splat = i8x16.shuffle(rows, rows, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
    s10 = i32x4.add(s10, i32x4.dot_i16x8_s(splat, w0));
    s11 = i32x4.add(s11, i32x4.dot_i16x8_s(splat, w1));
    s12 = i32x4.add(s12, i32x4.dot_i16x8_s(splat, w2));
    s13 = i32x4.add(s13, i32x4.dot_i16x8_s(splat, w3));
    a += 16;
    w += 32;
  } while (--steps);
  v128.store(sums, addPairs(s00, s01));
  v128.store(sums, addPairs(s02, s03), 16);
  v128.store(sums, addPairs(s10, s11), 32);
  v128.store(sums, addPairs(s12, s13), 48);
}

/** [a0 + a1, a2 + a3, b0 + b1, b2 + b3] */
// @ts-ignore: decorator
@inline
export function addPairs(a: v128, b: v128): v128 {
  return i32x4.add(
    i8x16.shuffle(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27),
    i8x16.shuffle(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31),
  );
}
