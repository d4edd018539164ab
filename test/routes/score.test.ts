import { describe, expect, it } from 'vitest';
import { denseScore, lexicalScore, maxSim } from '../../src/scoring/scoring.ts';
import { appUnderTest } from '../support/call-app.ts';
import { COLBERT, FINGERPRINT, fakeEmbedder } from '../support/fake-embedder.ts';

const fake = fakeEmbedder();
const { post } = appUnderTest(async () => fake);
const texts = ['what is a cat', 'a cat is a small beast', 'rain'] as const;
const [query, cat, rain] = await fake.embed(texts, { dense: true, sparse: true, colbert: true });

describe('POST /score', () => {
  it('answers with the five columns of compute_score', async () => {
    const { status, json, headers } = await post('/score', { query: texts[0], passages: [texts[1], texts[2]] });
    expect(status).toBe(200);
    expect(Object.keys(json)).toEqual([
      'dense',
      'sparse',
      'colbert',
      'sparse+dense',
      'colbert+sparse+dense',
      'model',
      'fingerprint',
      'usage',
    ]);
    for (const [i, passage] of [cat!, rain!].entries()) {
      const dense = denseScore(query!.dense!, passage.dense!);
      const sparse = lexicalScore(query!.lexicalWeights!, passage.lexicalWeights!);
      const colbert = maxSim(query!.colbert!, passage.colbert!, COLBERT);
      // Scores are doubles inside and leave as float32: half a step of 2^-24 relative.
      expect(json.dense[i]).toBeCloseTo(dense, 6);
      expect(json.sparse[i]).toBeCloseTo(sparse, 6);
      expect(json.colbert[i]).toBeCloseTo(colbert, 6);
      expect(json['sparse+dense'][i]).toBeCloseTo((sparse + dense) / 2, 6);
      expect(json['colbert+sparse+dense'][i]).toBeCloseTo((colbert + sparse + dense) / 3, 6);
    }
    expect(json).toMatchObject({
      model: 'fake',
      fingerprint: FINGERPRINT,
      usage: {
        tokens: [
          [15, 24],
          [15, 6],
        ],
        truncated: [false, false],
      },
    });
    expect(headers.get('x-embedding-fingerprint')).toBe(FINGERPRINT);
  });

  it('gives the same for pairs as for a query and passages', async () => {
    const asPairs = await post('/score', {
      sentence_pairs: [
        [texts[0], texts[1]],
        [texts[0], texts[2]],
      ],
    });
    const asQuery = await post('/score', { query: texts[0], passages: [texts[1], texts[2]] });
    expect(asPairs.json).toEqual(asQuery.json);
  });

  it('weighs dense, sparse and ColBERT in this order', async () => {
    const weighted = (weights: number[]) =>
      post('/score', { query: texts[0], passages: [texts[1]], weights_for_different_modes: weights });
    const { json } = await weighted([0.4, 0.2, 0.4]);
    const [d, s, c] = [json.dense[0], json.sparse[0], json.colbert[0]];
    expect(json['sparse+dense'][0]).toBeCloseTo((0.2 * s + 0.4 * d) / 0.6, 6);
    expect(json['colbert+sparse+dense'][0]).toBeCloseTo(0.4 * c + 0.2 * s + 0.4 * d, 6);
    expect((await weighted([0, 0, 1])).json['colbert+sparse+dense'][0]).toBe(c);
  });

  it('prints each score as the shortest decimal of its float32', async () => {
    const { text } = await post('/score', { query: texts[0], passages: [texts[1]] });
    expect(text.match(/"dense":\[(-?[\d.]+)\]/)![1]!.replace(/\D/g, '').length).toBeLessThanOrEqual(10);
  });

  it('limits queries and passages by themselves', async () => {
    await post('/score', { query: 'q', passages: ['p'], max_query_length: 16, max_passage_length: 32, truncate: true });
    expect(fake.calls.slice(-2)).toMatchObject([
      { maxTokens: 16, truncate: true },
      { maxTokens: 32, truncate: true },
    ]);
  });
});
