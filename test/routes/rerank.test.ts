import { describe, expect, it } from 'vitest';
import { computeScores } from '../../src/compute-score.ts';
import { LIMITS } from '../../src/limits.ts';
import { appUnderTest } from '../support/call-app.ts';
import { fakeEmbedder } from '../support/fake-embedder.ts';

const fake = fakeEmbedder();
const { post } = appUnderTest(async () => fake);
const query = 'what is a cat';
const documents = ['rain', 'a cat is a small beast', 'what is a cat'];
const { scores } = await computeScores(
  fake,
  documents.map((document) => [query, document] as const),
);
const byScore = (mode: keyof (typeof scores)[number]) =>
  scores.map((score, index) => ({ index, score: score[mode] })).sort((a, b) => b.score - a.score);

const PATHS = ['/rerank', '/v1/rerank', '/reranking', '/v1/reranking'];

describe('a body with texts', () => {
  it.each(PATHS)('is answered as TEI does, best first: %s', async (path) => {
    const { status, json } = await post(path, { query, texts: documents });
    expect(status).toBe(200);
    expect(json.map(({ index }: { index: number }) => index)).toEqual(
      byScore('colbert+sparse+dense').map(({ index }) => index),
    );
    for (const [rank, { score }] of byScore('colbert+sparse+dense').entries()) {
      expect(json[rank].score).toBeCloseTo(score, 6);
      expect(Object.keys(json[rank])).toEqual(['index', 'score']);
    }
  });

  it('holds the texts only where that is asked for', async () => {
    const { json } = await post('/rerank', { query, texts: documents, return_text: true });
    for (const { index, text } of json) expect(text).toBe(documents[index]);
  });

  it('takes every option of TEI; raw_scores changes nothing', async () => {
    const { json } = await post('/rerank', { query, texts: documents });
    const all = { truncate: false, raw_scores: true, return_text: false, truncation_direction: 'Right' };
    expect((await post('/rerank', { query, texts: documents, ...all })).json).toEqual(json);
  });

  it('refuses as TEI does', async () => {
    expect(await post('/v1/rerank', { query, texts: [] })).toMatchObject({
      status: 400,
      json: { error_type: 'Empty' },
    });
    const unknown = await post('/rerank', { query, texts: documents, top_n: 1 });
    expect(unknown).toMatchObject({ status: 422, json: { error: expect.stringContaining('top_n') } });
  });
});

describe('a body with documents', () => {
  it.each(PATHS)('is answered with what Jina and Cohere v1 read: %s', async (path) => {
    const body = { model: 'fake', query, documents, top_n: 2, return_documents: true };
    const { status, json } = await post(path, body);
    expect(status).toBe(200);
    const best = byScore('colbert+sparse+dense').slice(0, 2);
    expect(json).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      object: 'list',
      model: 'fake',
      usage: { prompt_tokens: 60, total_tokens: 60 }, // a token a character, and two: 15 + 6 + 24 + 15
      results: best.map(({ index, score }) => ({
        index,
        relevance_score: expect.closeTo(score, 6),
        document: { text: documents[index] },
      })),
      meta: { api_version: { version: '1' }, billed_units: { search_units: 1 } },
    });
  });

  it('may have objects with a text, and what Cohere v1 sends beside', async () => {
    const plain = await post('/v1/rerank', { query, documents });
    const { json } = await post('/v1/rerank', {
      query,
      documents: documents.map((text) => ({ text })),
      rank_fields: ['text'],
      max_chunks_per_doc: 10,
    });
    expect(json.results).toEqual(plain.json.results);
    expect(json.results[0].document).toBeUndefined();
  });

  it('is answered as Cohere v2 does at /v2/rerank', async () => {
    const { status, json } = await post('/v2/rerank', {
      model: 'fake',
      query,
      documents,
      top_n: 9,
      max_tokens_per_doc: 4096,
      priority: 0,
    });
    expect(status).toBe(200);
    expect(json).toEqual({
      id: expect.any(String),
      results: byScore('colbert+sparse+dense').map(({ index, score }) => ({
        index,
        relevance_score: expect.closeTo(score, 6),
      })),
      meta: { api_version: { version: '2' }, billed_units: { search_units: 1 } },
    });
  });

  it.each(['dense', 'sparse', 'colbert', 'sparse+dense'] as const)('is ranked by %s on request', async (mode) => {
    const { json } = await post('/v1/rerank', { query, documents, mode });
    expect(json.results).toEqual(
      byScore(mode).map(({ index, score }) => ({ index, relevance_score: expect.closeTo(score, 6) })),
    );
    const { dense = false, sparse = false, colbert = false } = fake.calls.at(-1)!;
    const computed = Object.entries({ colbert, sparse, dense }).filter(([, isComputed]) => isComputed);
    expect(computed.map(([name]) => name).join('+')).toBe(mode);
  });

  it('is ranked by weighted scores on request', async () => {
    const { json } = await post('/v1/rerank', { query, documents: [documents[1]], weights: [0.4, 0.2, 0.4] });
    const { dense, sparse, colbert } = scores[1]!;
    expect(json.results[0].relevance_score).toBeCloseTo(0.4 * dense + 0.2 * sparse + 0.4 * colbert, 6);
  });

  it('cuts long documents, and the query', async () => {
    const long = 'x'.repeat(2000);
    expect((await post('/v1/rerank', { query: long, documents: [long] })).status).toBe(200);
    await post('/v1/rerank', { query, documents: [long], max_tokens_per_doc: 64 });
    expect(fake.calls.at(-1)).toMatchObject({ truncate: true, maxTokens: 64 });
  });

  it('takes the thousand documents that Cohere advises at most', async () => {
    const many = Array.from({ length: LIMITS.maxDocuments }, (_, i) => `document ${i}`);
    const { json } = await post('/v2/rerank', { model: 'fake', query, documents: many, top_n: 3, mode: 'dense' });
    expect(json.results).toHaveLength(3);
    const refused = await post('/v2/rerank', { model: 'fake', query, documents: [...many, 'one more'] });
    expect(refused.status).toBe(422);
  });

  it.each([
    ['/v1/rerank', { documents }, 400, 'query'],
    ['/v1/rerank', { query }, 400, 'documents'],
    ['/v1/rerank', { query, documents: [] }, 422, 'documents'],
    ['/v1/rerank', { query, documents: ['a', ''] }, 422, 'documents[1]'],
    ['/v1/rerank', { query, documents: [{ title: 'a' }] }, 400, 'documents[0]'],
    ['/v1/rerank', { query, documents, top_n: 0 }, 400, 'top_n'],
    ['/v1/rerank', { query, documents, rank_fields: ['title'] }, 400, 'rank_fields[0]'],
    ['/v1/rerank', { query, documents, model: 'rerank-v3.5' }, 404, 'rerank-v3.5'],
    ['/v1/rerank', { query, documents, mode: 'bm25' }, 400, 'mode'],
    ['/v1/rerank', { query, documents, weights: [0, 0, 0] }, 400, 'weights'],
    ['/v2/rerank', { query, documents }, 400, 'model'],
    ['/v2/rerank', { model: 'fake', query, documents, return_documents: true }, 400, 'return_documents'],
    ['/rerank', { query, documents, topN: 2 }, 400, 'topN'],
  ])('%s %j is %i, naming %s to both', async (path, body, status, name) => {
    const { status: got, json } = await post(path, body);
    expect({ got, json }).toEqual({
      got: status,
      json: { message: expect.stringContaining(name), detail: json.message },
    });
  });

  it('is what a body without either is taken for, but at /rerank, which is TEI’s', async () => {
    expect((await post('/v1/rerank', '{')).json).toHaveProperty('detail');
    expect((await post('/rerank', '{')).json).toHaveProperty('error_type');
    expect((await post('/rerank', { query })).json).toEqual({ error: 'texts is missing', error_type: 'Validation' });
  });
});
