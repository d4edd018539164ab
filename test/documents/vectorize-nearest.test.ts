import { describe, expect, it } from 'vitest';
import { externalIdOf } from '../../src/documents/sinks/sink.ts';
import { type QueriedIndex, vectorizeNearest } from '../../src/documents/sinks/vectorize-nearest.ts';
import { vectorizeSink } from '../../src/documents/sinks/vectorize-sink.ts';
import { denseScore } from '../../src/scoring/scoring.ts';
import { fakeVectorize } from '../support/fake-vectorize.ts';

const SET = { id: 2, fingerprint: '0123456789abcdef' };

/** Vectorize's answers, and what it refuses: more than 100 matches, another number of dimensions. */
function queried(vectors: ReturnType<typeof fakeVectorize>['vectors']): QueriedIndex {
  return {
    async query(vector, { topK, namespace }) {
      if (topK > 100) throw new Error(`topK ${topK}`);
      const inside = [...vectors.values()].filter((stored) => stored.namespace === namespace);
      if (inside.some(({ values }) => values.length !== vector.length)) throw new Error('dimensions');
      const score = (values: readonly number[]) => denseScore(Float32Array.from(vector), Float32Array.from(values));
      return { matches: inside.sort((a, b) => score(b.values) - score(a.values)).slice(0, topK) };
    },
  };
}

/** A document of a tenant in a set, with a vector that points at `angle`. */
async function record(key: number, angle: number, tenant = 'a', set = SET) {
  const document = { key, tenant, id: `d${key}`, revision: 1, contentHash: 'h', text: 't', attempts: 1 };
  return {
    document,
    fingerprint: set.fingerprint,
    externalId: await externalIdOf(document, set),
    embedding: {
      tokenIds: Uint32Array.of(0, 2),
      truncated: false,
      dense: Float32Array.of(Math.cos(angle), Math.sin(angle)),
    },
  };
}

describe('vectorizeNearest', () => {
  it('names the nearest documents of the tenant and the set, at most 100', async () => {
    const { index, vectors } = fakeVectorize();
    const records = await Promise.all([
      ...Array.from({ length: 150 }, (_, i) => record(i + 1, ((i * 7) % 150) / 100)),
      record(900, 0, 'b'),
      record(901, 0, 'a', { id: 1, fingerprint: 'fedcba9876543210' }),
      record(902, 0, 'a', { id: 1, fingerprint: SET.fingerprint }), // of a set of the same model that was swept
    ]);
    await vectorizeSink(index).put(records);
    const keys = await vectorizeNearest(queried(vectors))(Float32Array.of(1, 0), 'a', SET);
    const byAngle = Array.from({ length: 150 }, (_, i) => ({ key: i + 1, angle: (i * 7) % 150 })).sort(
      (a, b) => a.angle - b.angle,
    );
    expect(keys).toEqual(byAngle.slice(0, 99).map(({ key }) => key)); // one of the hundred is the swept set's
  });

  it('says that the store does not answer', async () => {
    const broken: QueriedIndex = {
      query: async () => {
        throw new Error('VECTOR_QUERY_ERROR (code = 40025)');
      },
    };
    const asked = vectorizeNearest(broken)(Float32Array.of(1, 0), 'a', SET);
    await expect(asked).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('try again'),
    });
  });
});
