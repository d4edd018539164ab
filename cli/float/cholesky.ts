import type { FloatKernel, Matrix } from './kernel.ts';
import { addProduct, addProductColumns, part } from './multiply.ts';

/** 64 divides every hidden and intermediate size. */
export const BLOCK = 64;

/** A = R · Rᵀ with R upper triangular. */
export interface Factor {
  /** [k, k]; what lies below the diagonal means nothing. */
  readonly upper: Matrix;
  /** [k, 64]: the inverse of each 64 x 64 block on the diagonal, upper triangular, one under the other. */
  readonly inverses: Matrix;
}

/**
 * Factors a symmetric matrix in place, from its last rows to its first: in blocks of 64, within a block in float64.
 *
 * @param matrix [k, k], positive semidefinite but for rounding; only its upper triangle is looked at. 64 divides k.
 * @param smallestPivot What a pivot that rounding has made smaller is raised to.
 * @param inverses [k, 64], zeros.
 */
export function factorize(kernel: FloatKernel, matrix: Matrix, smallestPivot: number, inverses: Matrix): Factor {
  const k = matrix.rows;
  for (let start = k - BLOCK; start >= 0; start -= BLOCK) {
    factorizeBlock(kernel, part(matrix, start, BLOCK, start, BLOCK), smallestPivot, part(inverses, start, BLOCK));
    if (start === 0) break;
    const panel = part(matrix, 0, start, start, BLOCK);
    multiplyInPlace(kernel, panel, (from, to) => addProduct(kernel, from, part(inverses, start, BLOCK), to));
    addProduct(kernel, panel, panel, part(matrix, 0, start, 0, start), -1, true);
  }
  return { upper: matrix, inverses };
}

function factorizeBlock(kernel: FloatKernel, block: Matrix, smallestPivot: number, inverse: Matrix): void {
  const n = BLOCK;
  const a = new Float64Array(n * n);
  const rows = Array.from({ length: n }, (_, i) => kernel.values(part(block, i, 1, 0, n)));
  for (const [i, row] of rows.entries()) a.set(row, i * n);
  for (let j = n - 1; j >= 0; j--) {
    for (let i = j; i >= 0; i--) {
      let sum = a[i * n + j]!;
      for (let p = j + 1; p < n; p++) sum -= a[i * n + p]! * a[j * n + p]!;
      a[i * n + j] = i === j ? Math.sqrt(Math.max(sum, smallestPivot)) : sum / a[j * n + j]!;
    }
  }
  for (const [i, row] of rows.entries()) row.set(a.subarray(i * n, (i + 1) * n));

  const b = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    b[j * n + j] = 1 / a[j * n + j]!;
    for (let i = j - 1; i >= 0; i--) {
      let sum = 0;
      for (let p = i + 1; p <= j; p++) sum -= a[i * n + p]! * b[p * n + j]!;
      b[i * n + j] = sum / a[i * n + i]!;
    }
  }
  kernel.values(inverse).set(b);
}

/** x := x · A⁻¹. @param x [n, k] */
export function solve(kernel: FloatKernel, { upper, inverses }: Factor, x: Matrix): void {
  const k = upper.rows;
  const columns = (start: number, count: number) => part(x, 0, x.rows, start, count);
  for (let start = k - BLOCK; start >= 0; start -= BLOCK) {
    const end = start + BLOCK;
    const block = columns(start, BLOCK);
    if (end < k) addProduct(kernel, columns(end, k - end), part(upper, start, BLOCK, end, k - end), block, -1);
    multiplyInPlace(kernel, block, (from, to) => addProduct(kernel, from, part(inverses, start, BLOCK), to));
  }
  for (let start = 0; start < k; start += BLOCK) {
    const block = columns(start, BLOCK);
    if (start > 0) addProductColumns(kernel, columns(0, start), part(upper, 0, start, start, BLOCK), block, -1);
    multiplyInPlace(kernel, block, (from, to) => addProductColumns(kernel, from, part(inverses, start, BLOCK), to));
  }
}

/** Replaces a block by what `multiply` adds to zeros. */
function multiplyInPlace(kernel: FloatKernel, block: Matrix, multiply: (from: Matrix, to: Matrix) => void): void {
  kernel.scope(() => {
    const product = kernel.matrix(block.rows, block.columns);
    multiply(block, product);
    for (let row = 0; row < block.rows; row++)
      kernel.values(part(block, row, 1)).set(kernel.values(part(product, row, 1)));
  });
}
