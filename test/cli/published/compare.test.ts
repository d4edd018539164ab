import { describe, expect, it } from 'vitest';
import { BGE_M3_PUBLISHED } from '../../../cli/published/bge-m3.ts';
import { type Comparison, comparePublished } from '../../../cli/published/compare.ts';
import type { Publication } from '../../../cli/published/publication.ts';
import { reportPublished } from '../../../cli/published/report.ts';
import { modelDirectory, openModel, readGolden } from '../../support/models.ts';

/** What transformers has computed of the fixture, as if somebody had published it. */
function goldenPublication(): Publication {
  const { texts, pairs } = readGolden('micro-m3');
  const [text] = texts.filter(({ sparse }) => Object.keys(sparse).length > 5);
  const scored = pairs.slice(0, 20);
  const pairTexts = scored.map(({ query, passage }) => [texts[query]!.text, texts[passage]!.text] as const);
  return {
    name: 'transformers',
    source: 'test/fixtures/micro-m3/golden.json',
    arithmetic: 'fp32',
    values: [
      ...(['dense', 'sparse', 'colbert'] as const).map((mode) => ({
        kind: 'scores' as const,
        mode,
        pairs: pairTexts,
        values: scored.map((pair) => pair[mode]),
      })),
      {
        kind: 'scores',
        mode: 'colbert+sparse+dense',
        pairs: pairTexts,
        values: scored.map(({ hybrid }) => hybrid),
        weights: [0.4, 0.2, 0.4],
      },
      { kind: 'weights', text: text!.text, ids: text!.sparse },
      { kind: 'colbert shape', text: text!.text, rows: text!.colbert_rows, width: text!.dense.length },
      { kind: 'leading dense', text: text!.text, values: text!.dense.slice(0, 8) },
      { kind: 'leading colbert', text: text!.text, row: 0, values: text!.colbert_first.slice(0, 8) },
      { kind: 'dense sum', text: text!.text, value: text!.dense.reduce((sum, x) => sum + x, 0) },
    ],
  };
}

const flat = (comparisons: ReadonlyMap<Publication, readonly Comparison[]>) => [...comparisons.values()].flat();

describe('comparePublished', () => {
  it('finds a model near to the outputs that another program has computed of it, of every kind', async () => {
    const embedder = await openModel(modelDirectory('micro-m3', 'q8'));
    const publication = goldenPublication();
    const comparisons = await comparePublished(embedder, [publication]);
    const numbers = flat(comparisons);
    expect(numbers.filter(({ isNear }) => !isNear)).toEqual([]);
    expect(numbers.length).toBeGreaterThan(100);
    expect(reportPublished(comparisons).isModel).toBe(true);
  });

  it('names lexical weights by piece or by id, and the pieces that a model does not have', async () => {
    const embedder = await openModel(modelDirectory('micro-m3', 'q8'));
    const [text] = readGolden('micro-m3').texts.filter(({ sparse }) => Object.keys(sparse).length > 5);
    const [[id, weight] = ['', 0]] = Object.entries(text!.sparse);
    const piece = embedder.tokenizer.piece(Number(id)).replace('▁', '');
    const pieces = { [piece]: weight, zyxwv: 0.5 };
    const publication: Publication = {
      name: 'a',
      source: 'b',
      arithmetic: 'fp32',
      values: [{ kind: 'weights', text: text!.text, pieces }],
    };
    const numbers = flat(await comparePublished(embedder, [publication]));
    expect(numbers.map(({ what, isNear }) => [what.split(':')[0], isNear])).toEqual([
      [`weight of ${JSON.stringify(piece)}`, true],
      ['weight of "zyxwv"', false],
    ]);
    expect(numbers[1]!.measured).toBeNaN();
  });

  it('does not take another model for BGE-M3: all published numbers are compared, and most are off', async () => {
    const embedder = await openModel(modelDirectory('micro-m3', 'q8'));
    const comparisons = await comparePublished(embedder, BGE_M3_PUBLISHED);
    const { lines, isModel } = reportPublished(comparisons);
    const numbers = flat(comparisons);
    expect(numbers).toHaveLength(207);
    expect(numbers.filter(({ isNear }) => isNear).length).toBeLessThan(0.5 * numbers.length);
    expect(isModel).toBe(false);
    expect(lines.at(-1)).toMatch(/^\d+ of 207 published numbers are within their tolerance$/);
  });
});

describe('BGE_M3_PUBLISHED', () => {
  it('has a number for every pair, and a source for every publication', () => {
    for (const { source, values } of BGE_M3_PUBLISHED) {
      expect(source).toMatch(/^https:\/\/github\.com\//);
      for (const value of values) if (value.kind === 'scores') expect(value.values).toHaveLength(value.pairs.length);
    }
  });

  it('agrees with itself: a combined score is the weighted mean of its modes, to the digits of fp16', () => {
    let combined = 0;
    for (const { values } of BGE_M3_PUBLISHED) {
      for (const value of values) {
        if (value.kind !== 'scores' || value.weights === undefined || !value.mode.includes('+')) continue;
        const [dense, sparse, colbert] = value.weights;
        const modes = { dense, sparse, ...(value.mode.startsWith('colbert') && { colbert }) };
        const total = Object.values(modes).reduce((sum, weight) => sum + weight, 0);
        for (const [i, published] of value.values.entries()) {
          let sum = 0;
          for (const [mode, weight] of Object.entries(modes)) {
            const single = values.find(
              (other) =>
                other.kind === 'scores' &&
                other.mode === mode &&
                other.weights !== undefined &&
                other.pairs === value.pairs,
            );
            sum += weight * (single as typeof value).values[i]!;
          }
          expect(Math.abs(sum / total - published)).toBeLessThan(5e-4);
          combined++;
        }
      }
    }
    expect(combined).toBe(16);
  });
});
