import { describe, expect, it } from 'vitest';
import { createPass, segmentsOf } from '../../src/engine/pass.ts';
import { planPasses } from '../../src/engine/pass-plan.ts';

describe('createPass', () => {
  const pass = createPass([3, 9, 1].map((tokens) => new Uint32Array(tokens).fill(tokens)));

  it('lays texts one after another without padding, their keys at multiples of eight', () => {
    expect([...pass.ids]).toEqual([3, 3, 3, 9, 9, 9, 9, 9, 9, 9, 9, 9, 1]);
    expect(pass.spans.map(({ start, capacityStart, capacity }) => [start, capacityStart, capacity])).toEqual([
      [0, 0, 8],
      [3, 8, 16],
      [12, 24, 8],
    ]);
  });

  it('cuts a block into the texts it touches', () => {
    expect(segmentsOf(pass, 2, 4).map(({ row, rows, position }) => [row, rows, position])).toEqual([
      [0, 1, 2],
      [1, 3, 0],
    ]);
    expect(segmentsOf(pass, 6, 7).map(({ row, rows, position }) => [row, rows, position])).toEqual([
      [0, 6, 3],
      [6, 1, 0],
    ]);
  });
});

describe('planPasses', () => {
  it('fills a pass with consecutive texts up to 1,024 tokens, and gives a longer text one of its own', () => {
    expect(planPasses([600, 400, 100, 5000, 10, 20])).toEqual([[0, 1], [2], [3], [4, 5]]);
  });

  it('has no pass for no text', () => expect(planPasses([])).toEqual([]));
});
