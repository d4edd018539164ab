import { describe, expect, it } from 'vitest';
import { BLOCK, factorize, solve } from '../../../cli/float/cholesky.ts';
import { createFloatKernel } from '../../../cli/float/kernel.ts';
import { addProduct } from '../../../cli/float/multiply.ts';
import { createRandom, largestDifference, normals } from '../../support/wasm-arena.ts';

const random = createRandom(5);
const kernel = createFloatKernel();

/** x · xᵀ + diagonal, [k, k] */
function positive(k: number, rank: number, diagonal: number) {
  const matrix = kernel.matrix(k, k);
  const x = kernel.matrix(k, rank);
  kernel.values(x).set(normals(random, k * rank));
  addProduct(kernel, x, x, matrix);
  for (let i = 0; i < k; i++) kernel.values(matrix)[i * k + i]! += diagonal;
  return matrix;
}

describe('factorize', () => {
  it.each([64, 128, 320])('gives an upper R with R · Rᵀ = A (%i)', (k) => {
    const matrix = positive(k, k, 1);
    const before = kernel.values(matrix).slice();
    const { upper } = factorize(kernel, matrix, 1e-3, kernel.matrix(k, BLOCK));
    const r = kernel.values(upper);
    let worst = 0;
    for (let i = 0; i < k; i++) {
      for (let j = i; j < k; j++) {
        let sum = 0;
        for (let p = j; p < k; p++) sum += r[i * k + p]! * r[j * k + p]!;
        worst = Math.max(worst, Math.abs(sum - before[i * k + j]!));
      }
    }
    expect(worst / k).toBeLessThan(1e-5); // the diagonal is about k; worst seen 2e-6
  });

  it('survives a matrix of low rank, where rounding would make pivots negative', () => {
    const k = 128;
    const { upper } = factorize(kernel, positive(k, 4, 1e-6), 1e-2, kernel.matrix(k, BLOCK));
    expect(kernel.values(upper).every(Number.isFinite)).toBe(true);
  });
});

describe('solve', () => {
  it('gives x with x · A = b, for ragged numbers of rows', () => {
    const [n, k] = [13, 192];
    const matrix = positive(k, k, 10);
    const a = kernel.values(matrix).slice();
    const x = kernel.matrix(n, k);
    const b = normals(random, n * k);
    kernel.values(x).set(b);
    solve(kernel, factorize(kernel, matrix, 1e-3, kernel.matrix(k, BLOCK)), x);
    const solved = kernel.values(x);
    const product = Array.from({ length: n * k }, (_, i) => {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += solved[Math.floor(i / k) * k + p]! * a[p * k + (i % k)]!;
      return sum;
    });
    expect(largestDifference(product, b)).toBeLessThan(1e-3); // condition 80 in float32; worst seen 4e-5
  });
});
