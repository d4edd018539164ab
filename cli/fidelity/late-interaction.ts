import type { FloatKernel } from '../float/kernel.ts';
import { addProduct } from '../float/multiply.ts';

/** MaxSim of one text's ColBERT rows with each passage's. */
export type MaxSims = (query: Float32Array) => number[];

/**
 * `maxSim` of src/scoring for many passages, their rows multiplied at once.
 *
 * @param passages Each `[tokens, width]`, at least one row.
 */
export function createMaxSims(kernel: FloatKernel, passages: readonly Float32Array[], width: number): MaxSims {
  const rows = kernel.matrix(
    passages.reduce((sum, { length }) => sum + length / width, 0),
    width,
  );
  let filled = 0;
  for (const passage of passages) {
    kernel.values(rows).set(passage, filled);
    filled += passage.length;
  }
  return (query) =>
    kernel.scope(() => {
      const count = query.length / width;
      const tokens = kernel.matrix(count, width);
      kernel.values(tokens).set(query);
      const columns = Math.ceil(rows.rows / 8) * 8;
      const products = kernel.matrix(count, columns);
      addProduct(kernel, tokens, rows, products);
      const values = kernel.values(products);
      let end = 0;
      return passages.map(({ length }) => {
        const start = end;
        end += length / width;
        let sum = 0;
        for (let token = 0; token < count; token++) {
          let best = Number.NEGATIVE_INFINITY;
          for (let i = start; i < end; i++) best = Math.max(best, values[token * columns + i]!);
          sum += best;
        }
        return sum / count;
      });
    });
}
