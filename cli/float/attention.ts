import type { FloatKernel, Matrix } from './kernel.ts';
import { addProduct, addProductColumns, part } from './multiply.ts';

/** Rows of one text. */
export interface Rows {
  readonly start: number;
  readonly count: number;
}

/** Where texts lie that follow one another. @param first Row of the first one. */
export function rowsOf(ids: readonly Uint32Array[], first = 0): Rows[] {
  let end = first;
  return ids.map(({ length }) => {
    end += length;
    return { start: end - length, count: length };
  });
}

/** Queries in one go: their scores against 8,192 keys are then 8 MB. */
const QUERIES = 256;

/**
 * softmax(q · kᵀ / sqrt(headSize)) · v in each attention head of each text.
 *
 * @param qkv [rows, 3 · hidden]: queries, keys, values; three more rows of finite numbers follow.
 * @param out [rows, hidden], zeros.
 */
export function attend(kernel: FloatKernel, qkv: Matrix, texts: readonly Rows[], headCount: number, out: Matrix): void {
  const hiddenSize = qkv.columns / 3;
  const headSize = hiddenSize / headCount;
  for (const { start, count } of texts) {
    for (let column = 0; column < hiddenSize; column += headSize) {
      const keys = part(qkv, start, count, hiddenSize + column, headSize);
      // To whole vectors: the weights of what follows the text are 0.
      const weighed = Math.ceil(count / 4) * 4;
      const values = part(qkv, start, weighed, 2 * hiddenSize + column, headSize);
      for (let first = 0; first < count; first += QUERIES) {
        const rows = Math.min(QUERIES, count - first);
        kernel.scope(() => {
          const scores = kernel.matrix(rows, Math.ceil(count / 8) * 8);
          addProduct(kernel, part(qkv, start + first, rows, column, headSize), keys, scores, 1 / Math.sqrt(headSize));
          kernel.softmaxRows(scores.address, scores.stride, rows, count);
          const weights = part(scores, 0, rows, 0, weighed);
          addProductColumns(kernel, weights, values, part(out, start + first, rows, column, headSize));
        });
      }
    }
  }
}
