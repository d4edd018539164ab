import { describe, expect, it } from 'vitest';
import { sparseError } from '../../../cli/fidelity/errors.ts';
import { createMaxSims } from '../../../cli/fidelity/late-interaction.ts';
import { type ComparedText, measure } from '../../../cli/fidelity/measure.ts';
import { kendall, rankPassages } from '../../../cli/fidelity/ranking.ts';
import { createFloatKernel } from '../../../cli/float/kernel.ts';
import { maxSim, type ScoredText } from '../../../src/scoring/scoring.ts';
import { createRandom, largestDifference, normals } from '../../support/wasm-arena.ts';

/** Of a ColBERT row. */
const WIDTH = 4;

/** A text whose outputs all point at `angle`, with one lexical weight. */
const scored = (angle: number, weight = 1): ScoredText => {
  const [x, y] = [Math.cos(angle), Math.sin(angle)];
  return {
    dense: Float32Array.of(x, y),
    lexicalWeights: new Map([[7, weight]]),
    colbert: Float32Array.of(x, y, 0, 0, x, y, 0, 0),
  };
};
const same = (language: string, angle: number, weight?: number): ComparedText => ({
  language,
  reference: scored(angle, weight),
  quantised: scored(angle, weight),
});

describe('kendall', () => {
  it('is 1 for one order, -1 for its reverse', () => {
    expect(kendall([1, 2, 3, 4], [10, 20, 30, 40])).toBe(1);
    expect(kendall([1, 2, 3, 4], [4, 3, 2, 1])).toBe(-1);
  });

  it('is tau-b where there are ties', () => {
    // By scipy: kendalltau([1, 2, 2, 3, 5], [1, 3, 2, 2, 4]).statistic
    expect(kendall([1, 2, 2, 3, 5], [1, 3, 2, 2, 4])).toBeCloseTo(0.6666666666666666, 12);
    expect(kendall([1, 1], [1, 1])).toBe(1);
    expect(kendall([1, 1], [1, 2])).toBe(0);
  });
});

describe('createMaxSims', () => {
  it("is the engine's MaxSim for every passage", () => {
    const [width, random] = [64, createRandom(2)];
    const passages = [1, 5, 9, 2].map((tokens) => normals(random, tokens * width));
    const query = normals(random, 3 * width);
    const sims = createMaxSims(createFloatKernel(), passages, width)(query);
    const wanted = passages.map((passage) => maxSim(query, passage, width));
    expect(largestDifference(sims, wanted)).toBeLessThan(1e-5); // of float32 sums of 64 products; worst seen 1e-6
  });
});

describe('sparseError', () => {
  it('counts ids of either side and sums differences', () => {
    const error = sparseError(
      new Map([
        [5, 0.5],
        [6, 0.25],
      ]),
      new Map([
        [5, 0.375],
        [9, 0.125],
      ]),
    );
    expect(error).toEqual({ shared: 1, either: 3, difference: 0.5, largestDifference: 0.25, weight: 0.75 });
  });
});

describe('rankPassages', () => {
  const texts = [same('en', 0), same('en', 0.1), same('de', 0.8), same('de', 1.2)];
  const comparison = { texts, questions: [0], passages: [0, 1, 2, 3], colbertSize: WIDTH };

  it('agrees wholly with itself and diverges from the ensemble as the modes do', () => {
    const ranking = rankPassages(comparison)[0]!;
    for (const mode of ['dense', 'sparse', 'colbert', 'ensemble'] as const) {
      expect(ranking[mode]).toMatchObject({ kendall: 1, sameFirst: true });
      expect(ranking[mode].quantisedDivergence).toBe(ranking[mode].referenceDivergence);
    }
    expect(ranking.ensemble.quantisedDivergence).toBe(0);
    expect(ranking.sparse.referenceDivergence).toBeGreaterThan(ranking.dense.referenceDivergence); // all weights are equal
  });

  it('sees an order that is another one', () => {
    const turned = texts.map((text, i) => (i === 1 ? { ...text, quantised: scored(1) } : text));
    const { dense } = rankPassages({ ...comparison, texts: turned })[0]!;
    expect(dense.kendall).toBeCloseTo(1 / 3, 12);
    expect(dense.sameFirst).toBe(false);
    expect(dense.quantisedDivergence).toBeGreaterThan(dense.referenceDivergence);
  });
});

describe('measure', () => {
  it('splits by language, and ranks only where there are questions', () => {
    const texts = [same('en', 0), { ...same('de', 1), quantised: scored(1 + 0.1, 0.5) }, same('de', 1)];
    const { total, languages } = measure({ texts, questions: [0], passages: [1, 2], colbertSize: WIDTH });
    expect(languages.en).toMatchObject({ texts: 1, dense: { mean: 0, worst: 0 } });
    expect(languages.de!.dense.worst).toBeCloseTo(1 - Math.cos(0.1), 6);
    expect(languages.de!.dense.mean).toBeCloseTo((1 - Math.cos(0.1)) / 2, 6);
    expect(languages.de!.sparse).toEqual({ overlap: 1, weightError: 0.25, largestDifference: 0.5 });
    expect(languages.en!.ranking).toBeDefined();
    expect(languages.de!.ranking).toBeUndefined();
    expect(total.texts).toBe(3);
    expect(total.ranking!.distillation.quantised).not.toBe(total.ranking!.distillation.reference);
  });
});
