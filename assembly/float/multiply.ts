/**
 * Rows of a matrix for one side of `multiplyAdd`: out[group][k][width], width 4 or 8 rows to a group, the last one filled with zeros.
 *
 * @param x f32 rows, `stride` bytes apart, k values each (k % 4 = 0).
 * @param factor Multiplies every value.
 */
export function packRows(x: usize, stride: usize, rows: i32, k: i32, width: i32, factor: f32, out: usize): void {
  const step = <usize>width << 2;
  const factors = f32x4.splat(factor);
  const padded = (rows + width - 1) / width * width;
  for (let row = 0; row < padded; row += 4) {
    const at = out + <usize>(row / width) * <usize>k * step + (<usize>(row % width) << 2);
    if (row + 4 <= rows) packFour(x, x + stride, x + 2 * stride, x + 3 * stride, k, factors, at, step);
    else packRest(x, stride, rows - row, k, factor, at, step);
    x += 4 * stride;
  }
}

/** Four rows, turned four columns at a time. */
function packFour(x0: usize, x1: usize, x2: usize, x3: usize, k: i32, factor: v128, out: usize, step: usize): void {
  do {
    const r0 = f32x4.mul(v128.load(x0), factor), r1 = f32x4.mul(v128.load(x1), factor);
    const r2 = f32x4.mul(v128.load(x2), factor), r3 = f32x4.mul(v128.load(x3), factor);
    const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5), high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    v128.store(out, v128.shuffle<i64>(low01, low23, 0, 2));
    v128.store(out + step, v128.shuffle<i64>(low01, low23, 1, 3));
    v128.store(out + 2 * step, v128.shuffle<i64>(high01, high23, 0, 2));
    v128.store(out + 3 * step, v128.shuffle<i64>(high01, high23, 1, 3));
    x0 += 16;
    x1 += 16;
    x2 += 16;
    x3 += 16;
    out += 4 * step;
    k -= 4;
  } while (k);
}

/** The last group of four: `rows` of them, which may be none or fewer, then zeros. */
function packRest(x: usize, stride: usize, rows: i32, k: i32, factor: f32, out: usize, step: usize): void {
  for (let i = 0; i < k; i++) {
    for (let row = 0; row < 4; row++) {
      const value = row < rows ? f32.load(x + <usize>row * stride + (<usize>i << 2)) * factor : 0;
      f32.store(out + (<usize>row << 2), value);
    }
    out += step;
  }
}

/**
 * Columns of a matrix for one side of `multiplyAdd`: out[columns / width][steps][width] = x - shift, width 4 or 8.
 *
 * @param x f32, `steps` rows, `stride` bytes apart; `width` divides `columns`.
 * @param shift f32 [columns].
 */
export function packColumns(x: usize, stride: usize, steps: i32, columns: i32, width: i32, shift: usize, out: usize): void {
  const step = <usize>width << 2;
  for (let column = 0; column < columns; column += 4) {
    const shifts = v128.load(shift);
    let source = x;
    let target = out + <usize>(column / width) * <usize>steps * step + (<usize>(column % width) << 2);
    for (let i = 0; i < steps; i++) {
      v128.store(target, f32x4.sub(v128.load(source), shifts));
      source += stride;
      target += step;
    }
    x += 16;
    shift += 16;
  }
}

/**
 * out[m, n] += Σ a[m, step] · b[n, step], sums in the order of the steps.
 *
 * @param rowGroups Groups of four rows of a, `aGroupBytes` apart; a step is `aStep` bytes after the one before it.
 * @param panels Panels of eight columns, packed [steps][8] one after another.
 * @param out f32 [4 · rowGroups, 8 · panels], rows `outStride` bytes apart.
 */
export function multiplyAdd(
  rowGroups: i32, panels: i32, steps: i32, a: usize, aStep: usize, aGroupBytes: usize, b: usize, out: usize, outStride: usize,
): void {
  for (let panel = 0; panel < panels; panel++) {
    for (let group = 0; group < rowGroups; group++) {
      tile(steps, a + <usize>group * aGroupBytes, aStep, b, out + <usize>(4 * group) * outStride, outStride);
    }
    b += <usize>steps << 5;
    out += 32;
  }
}

/** One 4x8 tile. Live: 8 sums + 2 of b + 1 splat + 1 product = 12 of V8's 15 XMM. */
function tile(steps: i32, a: usize, aStep: usize, b: usize, out: usize, outStride: usize): void {
  let s00 = f32x4.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
  do {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let splat = v128.load32_splat(a);
    s00 = f32x4.add(s00, f32x4.mul(splat, b0));
    s01 = f32x4.add(s01, f32x4.mul(splat, b1));
    splat = v128.load32_splat(a, 4);
    s10 = f32x4.add(s10, f32x4.mul(splat, b0));
    s11 = f32x4.add(s11, f32x4.mul(splat, b1));
    splat = v128.load32_splat(a, 8);
    s20 = f32x4.add(s20, f32x4.mul(splat, b0));
    s21 = f32x4.add(s21, f32x4.mul(splat, b1));
    splat = v128.load32_splat(a, 12);
    s30 = f32x4.add(s30, f32x4.mul(splat, b0));
    s31 = f32x4.add(s31, f32x4.mul(splat, b1));
    a += aStep;
    b += 32;
  } while (--steps);
  addRow(out, s00, s01);
  addRow(out + outStride, s10, s11);
  addRow(out + 2 * outStride, s20, s21);
  addRow(out + 3 * outStride, s30, s31);
}

// @ts-ignore: decorator
@inline
function addRow(out: usize, s0: v128, s1: v128): void {
  v128.store(out, f32x4.add(v128.load(out), s0));
  v128.store(out, f32x4.add(v128.load(out, 16), s1), 16);
}
