import { describe, expect, it } from 'vitest';
import { positionIn, rangeOf } from '../../playground/heat.ts';
import { seenTokens } from '../../playground/tokens.ts';

const word = (id: number, start: number) => ({ id, text: `w${id}`, special: false, start, stop: start + 2 });
const special = (id: number) => ({ id, text: '', special: true, start: null, stop: null });
const tokens = [special(0), word(10, 0), word(11, 3), word(12, 6), special(2)];

describe('seenTokens', () => {
  it('gives each token but <s> its ColBERT row', () => {
    expect(seenTokens(tokens, 5).map(({ row }) => row)).toEqual([undefined, 0, 1, 2, 3]);
  });

  it('gives </s> the last row where the text was cut before it', () => {
    const cut = seenTokens(tokens, 3);
    expect(cut.map(({ row }) => row)).toEqual([undefined, 0, undefined, undefined, 1]);
    expect(cut.map(({ isCut }) => isCut)).toEqual([false, false, true, true, false]);
  });

  it('shows the mark that is put before a text as a space, though it is said to come from the first letter', () => {
    const long = { ...word(10, 0), stop: 6 };
    const texts = (tokens: Parameters<typeof seenTokens>[0]) =>
      seenTokens(tokens, tokens.length).map(({ text }) => text);
    expect(texts([special(0), word(4, 0), long, special(2)])).toEqual(['', ' ', 'w10', '']);
    expect(texts([special(0), word(9, 0), word(4, 2), { ...long, start: 2 }, special(2)])).toContain('w4');
  });
});

describe('rangeOf', () => {
  it('rounds outwards to tenths, and does not take the rounding of a cosine for another one', () => {
    expect(rangeOf([0.43, 0.71])).toEqual({ low: 0.4, high: expect.closeTo(0.8) });
    expect(rangeOf([0.4, 1.0000001]).high).toBeCloseTo(1);
    expect(rangeOf([-0.03]).low).toBeCloseTo(-0.1);
  });

  it('has a width where all values are the same, and where there are none', () => {
    for (const values of [[0.5, 0.5], [0], []]) {
      const { low, high } = rangeOf(values);
      expect(high - low).toBeGreaterThan(0.05);
      expect(positionIn({ low, high }, 0.5)).toBeGreaterThanOrEqual(0);
    }
  });
});
