import { describe, expect, it } from 'vitest';
import { attend } from '../../../cli/float/attention.ts';
import { createFloatKernel } from '../../../cli/float/kernel.ts';
import { part } from '../../../cli/float/multiply.ts';
import { attention, quantizeRow } from '../../../src/kernel/scalar.ts';
import { createRandom, largestDifference, normals } from '../../support/wasm-arena.ts';

const random = createRandom(8);
const kernel = createFloatKernel();

describe('attend', () => {
  it('agrees with the scalar twin, each text within itself', () => {
    const [hidden, heads] = [64, 4];
    const counts = [1, 7, 3, 300]; // one query, ragged, several blocks of queries
    const rows = counts.reduce((a, b) => a + b);
    let start = 0;
    const texts = counts.map((count) => {
      start += count;
      return { start: start - count, count };
    });
    const qkv = part(kernel.matrix(rows + 3, 3 * hidden), 0, rows);
    kernel.values(qkv).set(normals(random, rows * 3 * hidden, 1.5));
    const out = kernel.matrix(rows, hidden);
    attend(kernel, qkv, texts, heads, out);
    const column = (text: (typeof texts)[number], which: number) =>
      Float32Array.from({ length: text.count * hidden }, (_, i) => {
        const row = text.start + Math.floor(i / hidden);
        return kernel.values(qkv)[row * 3 * hidden + which * hidden + (i % hidden)]!;
      });
    for (const text of texts) {
      const wanted = attention(column(text, 0), column(text, 1), column(text, 2), hidden, heads);
      const found = kernel.values(part(out, text.start, text.count));
      expect(largestDifference(found, wanted)).toBeLessThan(1e-5); // worst seen 2e-6
    }
  });
});

describe('roundRows', () => {
  it("is the engine's own rounding of activations, to the bit", () => {
    const [rows, k] = [6, 100];
    const x = kernel.matrix(rows, k);
    const values = normals(random, rows * k);
    values.fill(0.25, 0, k); // a constant row
    kernel.values(x).set(values);
    const out = kernel.matrix(rows, k);
    kernel.roundRows(x.address, rows, k, out.address);
    for (let row = 0; row < rows; row++) {
      const { q, sx, ox } = quantizeRow(values.subarray(row * k, (row + 1) * k));
      const wanted = Float32Array.from(q, (value) => Math.fround(value * sx) + ox);
      expect(kernel.values(part(out, row, 1))).toEqual(wanted);
    }
  });
});
