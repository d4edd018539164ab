import { describe, expect, it } from 'vitest';
import { maxSim } from '../../src/scoring/scoring.ts';
import { createRandom, normals } from '../support/wasm-arena.ts';

/** The definition, one product at a time. */
function maxSimOneByOne(query: Float32Array, passage: Float32Array, width: number): number {
  let sum = 0;
  for (let q = 0; q < query.length; q += width) {
    let best = Number.NEGATIVE_INFINITY;
    for (let p = 0; p < passage.length; p += width) {
      let dot = 0;
      for (let i = 0; i < width; i++) dot += query[q + i]! * passage[p + i]!;
      best = Math.max(best, dot);
    }
    sum += best;
  }
  return sum / (query.length / width);
}

describe('maxSim', () => {
  it.each([
    [1, 1],
    [3, 2],
    [4, 5],
    [9, 1],
    [10, 8],
  ])("has the definition's bits with %i query and %i passage tokens", (queryTokens, passageTokens) => {
    const random = createRandom(queryTokens);
    const [query, passage] = [normals(random, queryTokens * 64), normals(random, passageTokens * 64)];
    expect(maxSim(query, passage, 64)).toBe(maxSimOneByOne(query, passage, 64));
  });

  it('is 0 where either side has no tokens', () => {
    const row = new Float32Array([1, 0]);
    expect([maxSim(new Float32Array(0), row, 2), maxSim(row, new Float32Array(0), 2)]).toEqual([0, 0]);
  });
});
