import { describe, expect, it } from 'vitest';
import { createFloatKernel, type Matrix } from '../../../cli/float/kernel.ts';
import { addGram, addProduct, addProductColumns, part } from '../../../cli/float/multiply.ts';
import { createRandom, largestDifference, normals } from '../../support/wasm-arena.ts';

const random = createRandom(11);
const kernel = createFloatKernel();

function filled(rows: number, columns: number): Matrix {
  const matrix = kernel.matrix(rows, columns);
  kernel.values(matrix).set(normals(random, rows * columns));
  return matrix;
}

/** Σ over k of x(m, k) · y(n, k) in float64, on top of `base`. */
function product(
  m: number,
  n: number,
  k: number,
  x: (m: number, k: number) => number,
  y: (n: number, k: number) => number,
) {
  return Array.from({ length: m * n }, (_, i) => {
    let sum = 0;
    for (let step = 0; step < k; step++) sum += x(Math.floor(i / n), step) * y(i % n, step);
    return sum;
  });
}

const at = (matrix: Matrix) => {
  const values = kernel.values(matrix).slice();
  return (row: number, column: number) => values[row * matrix.columns + column]!;
};

// Of float32 sums of up to 1,100 products of normal numbers; worst seen 6e-5.
const TOLERANCE = 3e-4;

describe('float32 products', () => {
  // One block and several of steps and rows, whole groups and ragged ones.
  const shapes = [
    [1, 8, 4],
    [5, 16, 64],
    [130, 24, 516],
    [131, 40, 1100],
  ] as const;

  it.each(shapes)('addProduct adds factor · x · wᵀ (%i rows, %i columns, %i steps)', (m, n, k) => {
    const [x, w, out] = [filled(m, k), filled(n, k), filled(m, n)];
    const before = kernel.values(out).slice();
    const [xAt, wAt] = [at(x), at(w)];
    addProduct(kernel, x, w, out, -0.5);
    const wanted = product(m, n, k, xAt, wAt).map((sum, i) => before[i]! - 0.5 * sum);
    expect(largestDifference(kernel.values(out), wanted)).toBeLessThan(TOLERANCE);
  });

  it.each(shapes)('addProductColumns adds x · b (%i rows, %i columns, %i steps)', (m, n, k) => {
    const [x, b, out] = [filled(m, k), filled(k, n), kernel.matrix(m, n)];
    const bAt = at(b);
    addProductColumns(kernel, x, b, out);
    const wanted = product(m, n, k, at(x), (column, step) => bAt(step, column));
    expect(largestDifference(kernel.values(out), wanted)).toBeLessThan(TOLERANCE);
  });

  it.each([
    [8, 8, 3],
    [136, 72, 700],
  ])('addGram adds (x - shift)ᵀ · (y - shift) (%i by %i, %i rows)', (m, n, rows) => {
    const [x, y, shiftX, shiftY, out] = [
      filled(rows, m),
      filled(rows, n),
      filled(1, m),
      filled(1, n),
      kernel.matrix(m, n),
    ];
    const [xAt, yAt, sx, sy] = [at(x), at(y), at(shiftX), at(shiftY)];
    addGram(kernel, x, y, shiftX, shiftY, out, false);
    const wanted = product(
      m,
      n,
      rows,
      (i, row) => xAt(row, i) - sx(0, i),
      (j, row) => yAt(row, j) - sy(0, j),
    );
    expect(largestDifference(kernel.values(out), wanted)).toBeLessThan(1e-2); // the shifts add up to thousands; worst seen 2.5e-3
  });

  it('computes the upper triangle alone to the same bits', () => {
    const [m, k] = [264, 64];
    const [x, whole, upper] = [filled(m, k), kernel.matrix(m, m), kernel.matrix(m, m)];
    addProduct(kernel, x, x, whole);
    addProduct(kernel, x, x, upper, 1, true);
    const [wholeAt, upperAt] = [at(whole), at(upper)];
    for (let row = 0; row < m; row++)
      for (let column = row; column < m; column++) expect(upperAt(row, column)).toBe(wholeAt(row, column));
    expect(upperAt(m - 1, 0)).toBe(0); // and leaves out what lies well below
  });

  it('leaves what lies around a part of a matrix as it was', () => {
    const whole = filled(20, 64);
    const before = kernel.values(whole).slice();
    const target = part(whole, 4, 5, 16, 8);
    addProduct(kernel, filled(5, 32), filled(8, 32), target);
    const after = kernel.values(whole);
    for (let i = 0; i < after.length; i++) {
      const [row, column] = [Math.floor(i / 64), i % 64];
      const inside = row >= 4 && row < 9 && column >= 16 && column < 24;
      expect(after[i] !== before[i]).toBe(inside);
    }
  });
});
