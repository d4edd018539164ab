import { describe, expect, it } from 'vitest';
import { unpackHeads, unpackLayer, unpackRowPage } from '../../../cli/convert/unpack.ts';
import { fillerPipeline } from '../../../cli/synth/filler-vocabulary.ts';
import { createRandomShards } from '../../../cli/synth/random-shards.ts';
import { buildVocabularyOf } from '../../../cli/tokenizer/build.ts';
import { LINEAR_NAMES } from '../../../src/format/architecture.ts';
import { planLayerLayout, planTableLayout } from '../../../src/format/layout.ts';
import { createTokenizer } from '../../../src/tokenizer/tokenizer.ts';
import { parseVocabulary } from '../../../src/tokenizer/vocabulary.ts';

const architecture = {
  vocabularySize: 1000,
  hiddenSize: 128,
  intermediateSize: 256,
  layerCount: 2,
  headCount: 2,
  positionCount: 66,
  positionOffset: 2,
  maxTokens: 64,
  layerNormEpsilon: 1e-5,
  colbertSize: 64,
};
const deviation = (values: Float32Array) =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

describe('createRandomShards', () => {
  it.each(['u7', 'u4g32'] as const)(
    "makes %s layers of real weights' spread, with the column sums of their bytes",
    (type) => {
      const types = { qkv: type, attentionOutput: type, intermediate: type, output: type };
      const bytes = createRandomShards(architecture, 1).layer(types);
      const layout = planLayerLayout(architecture, types);
      const layer = unpackLayer(bytes, architecture, types);
      for (const name of LINEAR_NAMES) {
        const { weight } = layer[name];
        const { n, k, columnSum } = layout[name];
        expect(deviation(weight)).toBeCloseTo(0.03, 2);
        const stored = new Float32Array(bytes.buffer, columnSum, n);
        for (let column = 0; column < n; column++) {
          const sum = weight.subarray(column * k, (column + 1) * k).reduce((total, value) => total + value, 0);
          expect(stored[column]).toBeCloseTo(sum, 4);
        }
      }
      expect(layer.attentionNorm.weight).toEqual(new Float32Array(128).fill(1));
    },
  );

  it('makes rows and heads around zero', () => {
    const shards = createRandomShards(architecture, 2);
    const table = planTableLayout(1000, 64, 'i8', 128);
    const rows = unpackRowPage(shards.page(table, 15), table, 15);
    expect(rows.length).toBe(40 * 128);
    expect(deviation(rows)).toBeCloseTo(0.1, 2);
    expect(Math.abs(rows.reduce((sum, value) => sum + value, 0) / rows.length)).toBeLessThan(0.01);
    const { sparse, colbert } = unpackHeads(shards.heads(), architecture);
    expect(deviation(colbert.weight)).toBeCloseTo(0.03, 2);
    expect(deviation(sparse.weight)).toBeGreaterThan(0);
  });

  it('gives the same bytes for the same seed, others for another', () => {
    const layer = (seed: number) => {
      const types = { qkv: 'u7', attentionOutput: 'u7', intermediate: 'u7', output: 'u7' } as const;
      return createRandomShards(architecture, seed).layer(types);
    };
    expect(layer(3)).toEqual(layer(3));
    expect(layer(3)).not.toEqual(layer(4));
  });
});

describe('fillerPipeline', () => {
  it('has as many pieces as asked for, whose ids text uses all over the table', () => {
    const tokenizer = createTokenizer(parseVocabulary(buildVocabularyOf(fillerPipeline(20_000))));
    expect(tokenizer.vocabularySize).toBe(20_000);
    expect(tokenizer.special.mask).toBe(19_999);
    const { ids } = tokenizer.encode('zxq vbk wymp jfgh and plain words too');
    expect(Math.max(...ids)).toBeGreaterThan(8_000);
    expect(tokenizer.decode(ids, { skipSpecial: true })).toBe('zxq vbk wymp jfgh and plain words too');
  });
});
