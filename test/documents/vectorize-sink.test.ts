import { describe, expect, it } from 'vitest';
import { externalIdOf, type VectorRecord } from '../../src/documents/sinks/sink.ts';
import { vectorizeNamespace, vectorizeSink } from '../../src/documents/sinks/vectorize-sink.ts';
import { FINGERPRINT } from '../support/fake-embedder.ts';
import { fakeVectorize } from '../support/fake-vectorize.ts';

const set = { id: 12, fingerprint: FINGERPRINT };
const record = async (key: number, dimensions = 8, names = { tenant: 't', id: `d${key}` }): Promise<VectorRecord> => {
  const document = { key, text: '', contentHash: 'h', revision: 1, attempts: 1, ...names };
  return {
    document,
    fingerprint: FINGERPRINT,
    externalId: await externalIdOf(document, set),
    embedding: { tokenIds: new Uint32Array(3), truncated: false, dense: new Float32Array(dimensions).fill(0.5) },
  };
};
const records = (count: number) => Promise.all(Array.from({ length: count }, (_, key) => record(key)));

describe('Vectorize', () => {
  it('takes any number of vectors, and as many again without a second of any', async () => {
    const { index, vectors } = fakeVectorize();
    const sink = vectorizeSink(index);
    const many = await records(2500);
    await sink.put(many);
    await sink.put(many);
    expect(vectors.size).toBe(2500);
    await sink.remove(many.map(({ externalId }) => externalId));
    expect(vectors.size).toBe(0);
    await sink.put([]);
    await sink.remove([]);
  });

  it('has ids within 64 bytes, whatever the names and however many documents', async () => {
    const names = { tenant: 't'.repeat(128), id: 'i'.repeat(128) };
    const { index, vectors } = fakeVectorize();
    const big = { ...(await record(999_999_999_999, 8, names)).document, revision: 99_999_999 };
    const externalId = await externalIdOf(big, { id: 99_999, fingerprint: FINGERPRINT });
    await vectorizeSink(index).put([{ ...(await record(1)), document: big, externalId }]);
    expect([...vectors.keys()]).toEqual([externalId]);
  });

  it('keeps tenants and models in namespaces of their own', async () => {
    const { index, vectors } = fakeVectorize();
    await vectorizeSink(index).put([await record(1), await record(2, 8, { tenant: 'other', id: 'd1' })]);
    const namespaces = [...vectors.values()].map(({ namespace }) => namespace);
    expect(namespaces).toEqual([
      await vectorizeNamespace('t', FINGERPRINT),
      await vectorizeNamespace('other', FINGERPRINT),
    ]);
    expect(new Set([...namespaces, await vectorizeNamespace('t', 'f'.repeat(16))]).size).toBe(3);
  });

  it('is not asked to take 1,537 dimensions', async () => {
    const { index } = fakeVectorize();
    await vectorizeSink(index).put([await record(1, 1536)]);
    await expect(vectorizeSink(fakeVectorize().index).put([await record(1, 1537)])).rejects.toMatchObject({
      code: 'budget_exceeded',
    });
  });

  it('fails where the index has other dimensions than the model', async () => {
    await expect(vectorizeSink(fakeVectorize(1024).index).put([await record(1)])).rejects.toThrow('8 dimensions');
  });
});
