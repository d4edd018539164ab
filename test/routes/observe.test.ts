import { describe, expect, it } from 'vitest';
import { createAccess } from '../../src/auth/access.ts';
import { parseApiKeys } from '../../src/auth/api-keys.ts';
import type { Embedder } from '../../src/embedder.ts';
import { appUnderTest } from '../support/call-app.ts';
import { fakeEmbedder } from '../support/fake-embedder.ts';
import { modelDirectory, openModel } from '../support/models.ts';

const SECRET_TEXT = 'my secret text';
const KEY = { id: 'mobile-app', tenant: 'acme', role: 'read' };
const SHA256_OF_KEY = '2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683';

function observed(embedder: Embedder = fakeEmbedder()) {
  const lines: Readonly<Record<string, unknown>>[] = [];
  const keys = parseApiKeys(JSON.stringify([{ ...KEY, sha256: SHA256_OF_KEY }]));
  const app = appUnderTest(async () => embedder, {
    access: createAccess({ keys }),
    accessLog: (line) => lines.push(line),
  });
  const post = (path: string, body: unknown, headers = {}) =>
    app.post(path, body, { authorization: 'Bearer key', ...headers });
  return { ...app, post, lines };
}

describe('the access log', () => {
  it('has a line a request: who, what, how much, and neither text nor key', async () => {
    const { post, lines } = observed();
    await post('/encode?debug=1', { texts: [SECRET_TEXT, 'b'] }, { 'x-request-id': 'r-1', cookie: 'session=42' });
    expect(lines).toEqual([
      {
        level: 'info',
        event: 'request',
        request_id: 'r-1',
        method: 'POST',
        route: '/encode',
        status: 200,
        code: undefined,
        ms: expect.any(Number),
        texts: 2,
        tokens: 19,
        cached_texts: 0,
        key: 'mobile-app',
        tenant: 'acme',
      },
    ]);
  });

  it('E55: names a route by its pattern, never by what was asked for', async () => {
    const { send, post, lines } = observed();
    await send('/Bearer-key/secret%0d%0aforged');
    await post('/ai/run/secret-model', { text: 'a' });
    expect(lines.map(({ route, status, code }) => ({ route, status, code }))).toEqual([
      { route: '/*', status: 404, code: 'not_found' },
      { route: '/ai/run/*', status: 400, code: 'not_found' },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/secret|forged/);
  });

  it('has refused callers without a key’s name', async () => {
    const { app, lines } = observed();
    await app.request('/encode?api_key=key', { method: 'POST', headers: { authorization: 'Bearer wrong' } });
    expect(lines).toMatchObject([{ status: 401, code: 'unauthorized', key: undefined, tenant: undefined }]);
    expect(JSON.stringify(lines)).not.toMatch(/wrong|api_key/);
  });

  it('E55: replaces a request id that would forge a line', async () => {
    const { app, lines } = observed();
    await app.request('/health', { headers: { 'x-request-id': '\u001b[2Jx y' } });
    expect(lines[0]!.request_id).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('headers', () => {
  it('say what a request took, as TEI does, and for browsers', async () => {
    const { post } = observed();
    for (const [path, body] of [
      ['/encode', { texts: ['cat', 'dog!'] }],
      ['/embed', { inputs: ['cat', 'dog!'] }],
      ['/v1/embeddings', { model: 'fake', input: ['cat', 'dog!'] }],
    ] as const) {
      const { headers } = await post(path, body);
      expect(headers.get('x-compute-tokens')).toBe('11');
      expect(headers.get('x-compute-characters')).toBe('7');
      expect(headers.get('x-compute-type')).toBe('cpu');
      const times = ['x-compute-time', 'x-total-time', 'x-tokenization-time', 'x-queue-time', 'x-inference-time'];
      for (const name of times) expect(headers.get(name)).toMatch(/^\d+(\.\d+)?$/);
      expect(headers.get('server-timing')).toMatch(/^total;dur=[\d.]+, tokenize;dur=.*, queue;dur=.*, inference;dur=/);
    }
  });

  it('tell the engine’s time apart from that of tokenising', async () => {
    const embedder = await openModel(modelDirectory('micro-m3', 'q8'));
    const { send, post } = appUnderTest(async () => embedder);
    const { headers } = await post('/encode', { texts: 'word '.repeat(400), truncate: true });
    const ms = (name: string) => Number(headers.get(name));
    expect(ms('x-inference-time')).toBeGreaterThan(0);
    expect(ms('x-tokenization-time') + ms('x-queue-time') + ms('x-inference-time')).toBeLessThanOrEqual(
      ms('x-total-time') + 0.05, // each is rounded
    );
    expect((await send('/metrics')).text).toMatch(/te_request_inference_duration_sum 0\.\d+/);
  });

  it('of refused requests say nothing of it', async () => {
    const { post } = observed();
    expect((await post('/encode', { texts: [] })).headers.get('x-compute-tokens')).toBeNull();
  });
});

describe('GET /metrics', () => {
  it('is what Prometheus reads: names of TEI, counts of this isolate', async () => {
    const { post, send } = observed();
    await post('/encode', { texts: 'cat' });
    await post('/embed', { inputs: ['cat', 'dog!'] });
    await post('/encode', { texts: [] });
    await post('/encode', { texts: 'x'.repeat(600) });
    const { status, text, headers } = await send('/metrics');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toContain('text/plain; version=0.0.4');
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) [a-z0-9_]+ .+|[a-z0-9_]+(\{[^{}]*\})? [\d.e+-]+)$/);
    }
    const value = (name: string) =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${name} `))!
          .split(' ')
          .at(-1),
      );
    expect(value('te_request_count{method="single"}')).toBe(2);
    expect(value('te_request_success{method="single"}')).toBe(1);
    expect(value('te_request_success{method="batch"}')).toBe(1);
    expect(value('te_request_failure{err="validation"}')).toBe(2);
    expect(value('te_embed_success')).toBe(3);
    expect(value('m3edge_tokens')).toBe(16);
    expect(value('te_request_duration_count')).toBe(2);
    expect(value('te_request_input_length_bucket{le="8"}')).toBe(3);
    expect(value('te_request_input_length_sum')).toBe(16);
    expect(text.match(/te_request_duration_bucket/g)).toHaveLength(36);
    expect(text).toContain('m3edge_info{model="fake",fingerprint="0123456789abcdef",engine="wasm"');
  });

  it('counts a caller that has left as neither answered nor refused', async () => {
    const abort = new AbortController();
    const { app, send } = observed(
      fakeEmbedder({
        beforeText() {
          abort.abort();
          abort.signal.throwIfAborted();
        },
      }),
    );
    await app.request('/encode', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer key' },
      body: '{"texts":"cat"}',
      signal: abort.signal,
    });
    const { text } = await send('/metrics');
    expect(text).toContain('\nte_request_failure{err="dropped"} 1\n');
    expect(text).toContain('\nte_request_success{method="single"} 0\n');
  });

  it('shows how many wait for the engine', async () => {
    const { send } = observed({ ...fakeEmbedder(), waitingCount: () => 3 });
    expect((await send('/metrics')).text).toContain('# TYPE te_queue_size gauge\nte_queue_size 3\n');
  });

  it('counts the texts of a streamed answer as they come', async () => {
    const { post, send } = observed();
    await post('/encode', { texts: ['cat', 'dog!'] }, { accept: 'application/x-ndjson' });
    expect((await send('/metrics')).text).toContain('\nte_embed_success 2\n');
  });

  it('names neither keys nor tenants', async () => {
    const { post, send } = observed();
    await post('/encode', { texts: SECRET_TEXT });
    expect((await send('/metrics')).text).not.toMatch(/secret|mobile-app|acme/);
  });
});

describe('CORS', () => {
  const { app, send } = appUnderTest();
  const preflight = (origin: string, headers: string, on = app) =>
    on.request('/encode', {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': headers,
      },
    });

  it('lets pages send keys and what SDKs add, without a key for the question', async () => {
    const wanted = 'authorization,content-type,x-stainless-lang,x-input-tokens';
    const { status, headers } = await preflight('https://example.com', wanted);
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('access-control-allow-headers')).toBe(wanted);
    expect(headers.get('access-control-allow-methods')).toContain('POST');
    expect(headers.get('access-control-allow-credentials')).toBeNull();
  });

  it('lets them read what answers say in headers, errors included', async () => {
    for (const path of ['/health', '/nowhere']) {
      const { headers } = await send(path, { headers: { origin: 'https://example.com' } });
      expect(headers.get('access-control-allow-origin')).toBe('*');
      for (const name of ['x-request-id', 'x-embedding-fingerprint', 'retry-after', 'server-timing']) {
        expect(headers.get('access-control-expose-headers')).toContain(name);
      }
    }
  });

  it('can be narrowed to origins', async () => {
    const narrowed = appUnderTest(async () => fakeEmbedder(), { corsOrigins: ['https://a.example'] });
    const allowed = async (origin: string) =>
      (await preflight(origin, 'authorization', narrowed.app)).headers.get('access-control-allow-origin');
    expect(await allowed('https://a.example')).toBe('https://a.example');
    expect(await allowed('https://b.example')).toBeNull();
  });
});
