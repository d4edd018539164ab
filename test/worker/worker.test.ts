import { env, exports } from 'cloudflare:workers';
import { describe, expect, inject, it } from 'vitest';
import type {} from '../support/provided.ts';
import { worker } from './call-worker.ts';

describe('the Worker', () => {
  it('is healthy and says what it serves', async () => {
    expect(await worker.get('/health')).toMatchObject({ status: 200, text: '' });
    const { status, json } = await worker.get('/info');
    expect(status).toBe(200);
    expect(json).toMatchObject({
      model_id: 'unknown',
      served_model_name: 'micro-m3',
      fingerprint: inject('models')['micro-m3-q8']!.fingerprint,
      max_input_length: 512,
      quantisation: { preset: 'q8' },
    });
  });

  it('encodes with the model among its assets', async () => {
    const { status, json, headers } = await worker.post('/encode', {
      texts: ['What is BGE M3?', 'BM25'],
      return_sparse: true,
      return_colbert_vecs: true,
    });
    expect(status).toBe(200);
    expect(headers.get('x-embedding-fingerprint')).toBe(inject('models')['micro-m3-q8']!.fingerprint);
    expect(json.dense_vecs).toHaveLength(2);
    for (const vector of json.dense_vecs) expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    expect(json.colbert_vecs.map((rows: number[][]) => rows.length)).toEqual(
      json.usage.tokens.map((tokens: number) => tokens - 1),
    );
    expect(Object.keys(json.lexical_weights[0]).length).toBeGreaterThan(0);
  });

  it('scores a text against itself highest', async () => {
    const query = 'how heavy is a blue whale';
    const { status, json } = await worker.post('/score', { query, passages: ['tax return', query, '雨'] });
    expect(status).toBe(200);
    for (const column of ['dense', 'colbert']) expect(json[column][1]).toBe(Math.max(...json[column]));
    expect(json.dense[1]).toBeCloseTo(1, 5);
  });

  it('streams a line a text', async () => {
    const { text, headers } = await worker.post(
      '/encode',
      { texts: ['a', 'b', 'c'] },
      { accept: 'application/x-ndjson' },
    );
    expect(headers.get('content-type')).toBe('application/x-ndjson');
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ index }) => index)).toEqual([0, 1, 2]);
  });

  it('gives the same bits alone and among others, in one request or in many at once', async () => {
    const texts = ['cat', 'a longer text about cats and dogs', '你好', 'x'.repeat(100)];
    const encode = async (body: unknown) => (await worker.post('/encode', body)).json.dense_vecs;
    const alone = await Promise.all(texts.map((text) => encode({ texts: text, encoding_format: 'base64' })));
    expect(await encode({ texts, encoding_format: 'base64' })).toEqual(alone.flat());
  });

  it('D44: refuses a text that is too long before it reads a shard, and cuts it on request', async () => {
    const long = 'word '.repeat(2000);
    const refused = await worker.post('/encode', { texts: ['a', long] });
    expect(refused).toMatchObject({ status: 422, json: { error: { code: 'input_too_long', param: 'texts[1]' } } });
    const cut = await worker.post('/encode', { texts: ['a', long], truncate: true });
    expect(cut.json.usage).toMatchObject({ tokens: [expect.any(Number), 512], truncated: [false, true] });
  });

  it('refuses bytes that are no UTF-8, and bodies that are too large', async () => {
    const send = (body: BodyInit) =>
      exports.default.fetch('http://worker/encode', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
    expect((await send(Uint8Array.of(0x22, 0xff, 0x22))).status).toBe(400);
    expect((await send(' '.repeat(2 * 1024 * 1024 + 1))).status).toBe(413);
  });

  it('E57: keeps its shards to itself', async () => {
    expect((await env.ASSETS.fetch('http://assets/model/manifest.json')).status).toBe(200);
    for (const path of [
      '/model/manifest.json',
      '/model/layer-00.bin',
      '/manifest.json',
      '/model/',
      '/%6dodel/heads.bin',
    ]) {
      expect(await worker.get(path)).toMatchObject({ status: 404, json: { error: { code: 'not_found' } } });
    }
  });
});
