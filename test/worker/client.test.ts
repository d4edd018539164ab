import { exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { worker } from './call-worker.ts';

const m3 = createClient({ baseUrl: 'http://worker', fetch: (request) => exports.default.fetch(request) });
const texts = ['What is BGE M3?', '日本国憲法', 'BM25 is a bag-of-words retrieval function.'];

describe('the client, in workerd and over a service binding', () => {
  it('encodes with the bits that the Worker has', async () => {
    const outputs = { return_sparse: true, return_colbert_vecs: true };
    const embedded = await m3.encode(texts, outputs);
    const { json } = await worker.post('/encode', { texts, ...outputs });
    for (const [i, { dense, lexicalWeights, colbert, fingerprint }] of embedded.entries()) {
      expect([...dense!]).toEqual(json.dense_vecs[i].map(Math.fround));
      expect([...lexicalWeights!.keys()].map(String)).toEqual(Object.keys(json.lexical_weights[i]));
      expect(colbert!.map((row) => [...row])).toEqual(
        json.colbert_vecs[i].map((row: number[]) => row.map(Math.fround)),
      );
      expect(fingerprint).toBe(json.fingerprint);
    }
  });

  it('scores stored passages as their texts', async () => {
    const stored = await m3.encode(texts, { return_sparse: true, return_colbert_vecs: true });
    const query = 'what is bm25';
    const { usage: _, ...scores } = await m3.score({ query, passages: stored });
    const { usage: __, ...ofTexts } = await m3.score({ query, passages: texts });
    expect(scores).toEqual(ofTexts);
    expect((await m3.rerank({ query, documents: texts })).map(({ index }) => index)).toHaveLength(3);
  });

  it('is given up by a signal, also while an answer is read', async () => {
    const abort = new AbortController();
    const each = m3.encodeEach(Array(200).fill('a text'), { signal: abort.signal });
    await each.next();
    abort.abort(new Error('enough'));
    await expect(
      (async () => {
        for await (const _ of each);
      })(),
    ).rejects.toThrow('enough');
    expect((await m3.encode(['a text'])).length).toBe(1);
  });

  it('throws what the Worker answers', async () => {
    await expect(m3.encode(['a', ' '])).rejects.toMatchObject({ status: 422, code: 'empty_input', param: 'texts[1]' });
  });
});
