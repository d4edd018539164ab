import { describe, expect, it } from 'vitest';
import { appUnderTest } from '../support/call-app.ts';
import { COLBERT, FINGERPRINT, fakeEmbedder, HIDDEN } from '../support/fake-embedder.ts';

const fake = fakeEmbedder();
const { post } = appUnderTest(async () => fake);
const query = 'what is a cat';
const texts = ['a cat is a small beast', 'rain'];

const storedAs = async (encoding_format: string) => {
  const parts = { return_dense: true, return_sparse: true, return_colbert_vecs: true };
  const { json } = await post('/encode', { texts, ...parts, encoding_format });
  return texts.map((_, i) => ({
    fingerprint: json.fingerprint,
    dense_vecs: json.dense_vecs[i],
    lexical_weights: json.lexical_weights[i],
    colbert_vecs: json.colbert_vecs[i],
  }));
};
const stored = await storedAs('base64');
const columns = ['dense', 'sparse', 'colbert', 'sparse+dense', 'colbert+sparse+dense'] as const;
const ofTexts = (await post('/score', { query, passages: texts })).json;

describe('/score with passages that were embedded before', () => {
  it.each([
    ['float', 0],
    ['base64', 0],
    // Half a step of 1/127 in each of 64 or 32 dimensions, of signs that largely cancel.
    ['int8', 0.01],
  ])('gives the scores of their texts: %s', async (encoding, tolerance) => {
    const { status, json } = await post('/score', { query, passages: await storedAs(encoding) });
    expect(status).toBe(200);
    for (const column of columns) {
      for (const i of texts.keys())
        expect(Math.abs(json[column][i] - ofTexts[column][i])).toBeLessThanOrEqual(tolerance);
    }
  });

  it('encodes the query alone, and says so', async () => {
    const before = fake.calls.length;
    const { json } = await post('/score', { query, passages: stored });
    expect(fake.calls.slice(before)).toHaveLength(2); // queries, and no passages
    expect(json.usage).toEqual({
      tokens: [
        [15, 0],
        [15, 0],
      ],
      truncated: [false, false],
    });
  });

  it('may have them among texts', async () => {
    const { json } = await post('/score', { query, passages: [stored[0], texts[1]] });
    for (const column of columns) expect(json[column]).toEqual(ofTexts[column]);
  });

  it('is 409 where another model embedded them, naming the passage', async () => {
    const passages = [stored[0], { ...stored[1], fingerprint: 'fedcba9876543210' }];
    const { status, json } = await post('/score', { query, passages });
    expect(status).toBe(409);
    expect(json.error).toMatchObject({ code: 'fingerprint_mismatch', param: 'passages[1].fingerprint' });
    expect(json.error.message).toContain(FINGERPRINT);
  });

  const vector = stored[0]!.dense_vecs;
  it.each([
    [{ dense_vecs: undefined }, 'passages[0].dense_vecs'],
    [{ colbert_vecs: undefined }, 'passages[0].colbert_vecs'],
    [{ lexical_weights: undefined }, 'passages[0].lexical_weights'],
    [{ fingerprint: undefined }, 'passages[0].fingerprint'],
    [{ dense_vecs: [1, 2, 3] }, 'passages[0].dense_vecs'],
    [{ dense_vecs: 'AAAA' }, 'passages[0].dense_vecs'],
    [{ dense_vecs: 'not base64!' }, 'passages[0].dense_vecs'],
    [
      { dense_vecs: Buffer.from(new Float32Array(HIDDEN).fill(Number.NaN).buffer).toString('base64') },
      'passages[0].dense_vecs',
    ],
    [{ dense_vecs: { scale: 1, data: '!' } }, 'passages[0].dense_vecs.data'],
    [{ dense_vecs: { scale: 1, data: 'AAAA' } }, 'passages[0].dense_vecs'],
    [{ dense_vecs: { scale: 1 } }, 'passages[0].dense_vecs.data'],
    [{ colbert_vecs: [vector] }, 'passages[0].colbert_vecs[0]'],
    [{ colbert_vecs: [Array(COLBERT).fill('a')] }, 'passages[0].colbert_vecs[0][0]'],
    [{ lexical_weights: { cat: 1 } }, 'passages[0].lexical_weights.cat'],
    [{ lexical_weights: { 4: -1 } }, 'passages[0].lexical_weights.4'],
    [{ lexical_weights: { 1000: 1 } }, 'passages[0].lexical_weights'],
    [{ tokens: 3 }, 'passages[0].tokens'],
  ])('refuses %j, naming %s', async (change, param) => {
    const { status, json } = await post('/score', { query, passages: [{ ...stored[0], ...change }] });
    expect({ status, param: json.error.param }).toEqual({ status: 400, param });
  });

  it('refuses numbers that JSON lets become infinite', async () => {
    const body = JSON.stringify({ query, passages: [{ ...stored[0], dense_vecs: [1, 2] }] }).replace(
      '[1,2]',
      '[1e999]',
    );
    expect((await post('/score', body)).json.error.param).toBe('passages[0].dense_vecs[0]');
  });
});

describe('/rerank with documents that were embedded before', () => {
  it.each(['colbert+sparse+dense', 'dense'])('ranks them as their texts: %s', async (mode) => {
    const ranked = await post('/v1/rerank', { query, documents: texts, mode });
    const { json } = await post('/v1/rerank', { query, documents: stored, mode, return_documents: true });
    expect(json.results).toEqual(ranked.json.results);
    expect((await post('/rerank', { query, texts: stored, mode, return_text: true })).json).toEqual(
      (await post('/rerank', { query, texts, mode })).json,
    );
  });

  it('needs no more of them than what they are ranked by', async () => {
    const documents = stored.map(({ fingerprint, dense_vecs }) => ({ fingerprint, dense_vecs }));
    expect((await post('/v2/rerank', { model: 'fake', query, documents, mode: 'dense' })).status).toBe(200);
    const { status, json } = await post('/v2/rerank', { model: 'fake', query, documents });
    expect(status).toBe(400);
    expect(json.message).toContain('documents[0].lexical_weights');
  });

  it('is 409 in the dialect that asks', async () => {
    const foreign = [{ ...stored[0], fingerprint: 'fedcba9876543210' }];
    expect(await post('/v1/rerank', { query, documents: foreign })).toMatchObject({
      status: 409,
      json: { message: expect.stringContaining('documents[0]') },
    });
    expect(await post('/rerank', { query, texts: foreign })).toMatchObject({
      status: 409,
      json: { error_type: 'Validation' },
    });
  });
});
