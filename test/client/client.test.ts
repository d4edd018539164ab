import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { createAccess } from '../../src/auth/access.ts';
import { parseApiKeys } from '../../src/auth/api-keys.ts';
import { batches } from '../../src/client/batches.ts';
import { type ClientOptions, createClient } from '../../src/client/client.ts';
import { M3edgeError } from '../../src/client/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { appUnderTest } from '../support/call-app.ts';
import { fakeEmbedder } from '../support/fake-embedder.ts';
import { modelDirectory, openModel } from '../support/models.ts';

const everything = { return_dense: true, return_sparse: true, return_colbert_vecs: true };

/** A client whose requests go to `answer`, with what it has sent. */
function clientOf(answer: (request: Request) => Response | Promise<Response>, options: Partial<ClientOptions> = {}) {
  const sent: Request[] = [];
  const client = createClient({
    baseUrl: 'http://m3edge.test/',
    fetch: async (request) => {
      sent.push(request.clone());
      return answer(request);
    },
    ...options,
  });
  return { client, sent };
}
const fake = fakeEmbedder();
const { app } = appUnderTest(async () => fake);
const clientOfFake = (options: Partial<ClientOptions> = {}) => clientOf((request) => app.fetch(request), options);
const refusal = (status: number, headers = {}) =>
  Response.json({ error: { code: 'overloaded', message: 'busy', request_id: 'r' } }, { status, headers });

describe('encode', () => {
  it('gives the embedder’s own bits', async () => {
    const embedder = await openModel(modelDirectory('micro-m3', 'q8'));
    const real = appUnderTest(async () => embedder).app;
    const texts = ['What is BGE M3?', '日本国憲法'];
    const embedded = await clientOf((request) => real.fetch(request)).client.encode(texts, everything);
    const expected = await embedder.embed(texts, { dense: true, sparse: true, colbert: true });
    for (const [i, { dense, lexicalWeights, colbert, fingerprint, tokens, truncated }] of embedded.entries()) {
      expect(dense).toEqual(expected[i]!.dense);
      expect(lexicalWeights).toEqual(expected[i]!.lexicalWeights);
      expect(Float32Array.from(colbert!.flatMap((row) => [...row]))).toEqual(expected[i]!.colbert);
      expect({ fingerprint, tokens, truncated }).toEqual({
        fingerprint: embedder.fingerprint,
        tokens: expected[i]!.tokenIds.length,
        truncated: false,
      });
    }
  });

  it('sends many texts in parts, and gives them in their order', async () => {
    const { client, sent } = clientOfFake({ batchTexts: 3 });
    const texts = Array.from({ length: 8 }, (_, i) => `text ${i}`);
    const embedded = await client.encode(texts);
    expect(sent).toHaveLength(3);
    const expected = await fake.embed(texts, { dense: true });
    expect(embedded.map(({ dense }) => dense)).toEqual(expected.map(({ dense }) => dense));
  });

  it('gives each text before the next part is asked for', async () => {
    const { client, sent } = clientOfFake({ batchTexts: 2 });
    const each = client.encodeEach(['a', 'b', 'c']);
    await each.next();
    await each.next();
    expect(sent).toHaveLength(1);
    await each.next();
    expect(sent).toHaveLength(2);
  });

  it('asks for nothing where there are no texts', async () => {
    const { client, sent } = clientOfFake();
    expect(await client.encode([])).toEqual([]);
    expect(sent).toEqual([]);
  });

  it('names the caller’s own text in an error', async () => {
    const { client } = clientOfFake({ batchTexts: 2 });
    const failure = client.encode(['a', 'b', 'c', 'x'.repeat(600)]);
    await expect(failure).rejects.toMatchObject({
      name: 'M3edgeError',
      status: 422,
      code: 'input_too_long',
      param: 'texts[3]',
      message: expect.stringContaining('texts[3]'),
      requestId: expect.any(String),
    });
  });

  it('fails with what the service says after its first line, and where the answer ends early', async () => {
    const line = '{"index":0,"dense_vecs":"AACAPw==","tokens":3,"truncated":false}\n';
    const broken = '{"error":{"code":"model_shard_corrupt","message":"told","request_id":"r"}}\n';
    const said = clientOf(() => new Response(line + broken)).client.encode(['a', 'b']);
    await expect(said).rejects.toMatchObject({ code: 'model_shard_corrupt', message: 'told' });
    const empty = clientOf(() => new Response(''), { maxRetries: 0 });
    await expect(empty.client.encode(['a', 'b'])).rejects.toMatchObject({ status: 0, code: 'connection' });
    expect(empty.sent).toHaveLength(1);
  });

  it('asks for the rest where an answer breaks off', async () => {
    const lines = ['a', 'b', 'c'].map((_, i) => `{"index":${i},"tokens":${i + 3},"truncated":false}\n`);
    const overloaded = '{"error":{"code":"overloaded","message":"told","request_id":"r"}}\n';
    const answers = [
      new Response(`${lines[0]}${lines[1]!.slice(0, 20)}`),
      new Response(lines[1] + overloaded),
      new Response(lines[2]),
    ];
    const { client, sent } = clientOf(() => answers.shift()!);
    expect((await client.encode(['a', 'b', 'c'])).map(({ tokens }) => tokens)).toEqual([3, 4, 5]);
    const asked = await Promise.all(sent.map((request) => request.json()));
    expect(asked.map(({ texts }) => texts)).toEqual([['a', 'b', 'c'], ['b', 'c'], ['c']]);
  });

  it('names the caller’s own text in an error of the rest', async () => {
    const answers = [
      new Response('{"index":0,"tokens":3,"truncated":false}\n'),
      Response.json(
        { error: { code: 'input_too_long', message: 'texts[1] is long', param: 'texts[1]' } },
        { status: 422 },
      ),
    ];
    const { client } = clientOf(() => answers.shift()!);
    const failure = client.encode(['a', 'b', 'c']);
    await expect(failure).rejects.toMatchObject({ param: 'texts[2]', message: 'texts[2] is long' });
  });

  it('does not mix the vectors of two models', async () => {
    let calls = 0;
    const { client } = clientOf(
      () =>
        new Response('{"index":0,"tokens":3,"truncated":false}\n', {
          headers: { 'x-embedding-fingerprint': `model ${calls++}` },
        }),
      { batchTexts: 1 },
    );
    await expect(client.encode(['a', 'b'])).rejects.toMatchObject({ code: 'fingerprint_mismatch' });
  });

  it('reads lines however the network cuts them', async () => {
    const bytes = new TextEncoder().encode('{"index":0,"tokens":3,"truncated":false}\n'.repeat(3));
    const stream = new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    expect(await clientOf(() => new Response(stream)).client.encode(['a', 'b', 'c'])).toHaveLength(3);
  });
});

describe('batches', () => {
  const sizes = (items: readonly unknown[], room = { items: 64, bytes: 1000 }) =>
    [...batches(items, room)].map((batch) => batch.items.length);

  it('hold so many items', () => {
    expect(sizes(Array(130).fill('a'))).toEqual([64, 64, 2]);
    expect([...batches(['a', 'b', 'c'], { items: 2, bytes: 1000 })]).toEqual([
      { items: ['"a"', '"b"'], first: 0 },
      { items: ['"c"'], first: 2 },
    ]);
  });

  it('hold so many bytes, as they are sent', () => {
    expect(sizes(['x'.repeat(498), 'x'.repeat(498)])).toEqual([1, 1]);
    expect(sizes(['x'.repeat(497), 'x'.repeat(497)])).toEqual([2]);
    expect(sizes(['日'.repeat(200), 'x'.repeat(400)])).toEqual([1, 1]);
    expect(sizes(['\u0001'.repeat(100), 'x'.repeat(400)])).toEqual([1, 1]);
    expect(sizes(['x'.repeat(5000), 'x'])).toEqual([1, 1]);
  });

  it('fill a body to its last byte and no further', async () => {
    const { client, sent } = clientOfFake({ batchTexts: 256 });
    const texts = Array.from({ length: 80 }, (_, i) => `\u0002é日😀${i}`.repeat(4000));
    await client.encode(texts, { truncate: true, instruction: '"query": ' });
    const bodies = await Promise.all(sent.map((request) => request.bytes()));
    const bytes = bodies.map((body) => body.length);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(LIMITS.bodyBytes);
    expect(Math.min(...bytes.slice(0, -1))).toBeGreaterThan(LIMITS.bodyBytes - 100_000);
  });
});

describe('score and rerank', () => {
  it('take texts and what encode gave for them', async () => {
    const { client } = clientOfFake();
    const passages = ['a cat', 'rain'];
    const embedded = await client.encode(passages, everything);
    const query = 'what is a cat';
    const scores = await client.score({ query, passages });
    const again = await client.score({ query, passages: [embedded[0]!, 'rain'] });
    expect({ ...again, usage: undefined }).toEqual({ ...scores, usage: undefined });
    const ranked = await client.rerank({ query, documents: embedded });
    expect(ranked).toEqual(await client.rerank({ query, documents: passages }));
    expect(ranked[0]!.score).toBeGreaterThanOrEqual(ranked[1]!.score);
  });

  it('of more passages than one request takes are asked for in parts, and joined', async () => {
    const { client, sent } = clientOfFake();
    const passages = Array.from({ length: 600 }, (_, i) => `passage ${i}`);
    const query = 'passage 437';
    const scores = await client.score({ query, passages });
    expect(sent).toHaveLength(3);
    const sentence_pairs = passages.map((passage): [string, string] => [query, passage]);
    expect(await client.score({ sentence_pairs })).toEqual(scores);
    expect(scores.dense).toHaveLength(600);
    expect(scores.usage.tokens[599]).toEqual([13, 13]);
    const documents = [...passages, ...passages];
    const ranked = await client.rerank({ query, documents, mode: 'dense', top_n: 3 });
    const best = [...scores.dense, ...scores.dense]
      .map((score, index) => ({ index, score }))
      .sort((a, b) => b.score - a.score);
    expect(ranked).toEqual(best.slice(0, 3));
    expect(ranked).toEqual((await client.rerank({ query, documents, mode: 'dense' })).slice(0, 3));
  });

  it('name the caller’s own passage in an error', async () => {
    const { client } = clientOfFake();
    const passages = [...Array(300).fill('a'), 'x'.repeat(600)];
    await expect(client.score({ query: 'q', passages })).rejects.toMatchObject({ param: 'passages[300]' });
  });

  it('fail in the shape that each route has', async () => {
    const { client } = clientOfFake();
    const [foreign] = await client.encode(['a'], everything);
    const documents = [{ ...foreign!, fingerprint: 'fedcba9876543210' }];
    await expect(client.score({ query: 'q', passages: documents })).rejects.toMatchObject({
      status: 409,
      code: 'fingerprint_mismatch',
    });
    await expect(client.rerank({ query: 'q', documents })).rejects.toMatchObject({
      status: 409,
      message: expect.stringContaining('documents[0]'),
    });
  });
});

it('understands the errors of every route that it asks, and of what is in between', async () => {
  const failing = (body: string, status: number) =>
    clientOf(() => new Response(body, { status }), { maxRetries: 0 }).client.tokenize(['a']);
  await expect(failing('{"error":"inputs is wrong","error_type":"Validation"}', 422)).rejects.toMatchObject({
    code: 'bad_request',
    message: 'inputs is wrong',
  });
  await expect(failing('', 401)).rejects.toMatchObject({ code: 'unauthorized' });
  await expect(failing('{"error":null}', 500)).rejects.toMatchObject({ code: 'internal' });
  await expect(failing('<h1>Bad Gateway</h1>', 502)).rejects.toMatchObject({
    code: 'unknown',
    message: 'the service answered with status 502',
  });
});

it('asks for the rest of what there is', async () => {
  const { client, sent } = clientOfFake();
  expect(await client.info()).toMatchObject({ served_model_name: 'fake' });
  expect(await client.estimate(['cat'])).toMatchObject({ tokens: [5], fits: true });
  expect(sent.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET http://m3edge.test/info',
    'POST http://m3edge.test/estimate',
  ]);
});

it('sends its key, and says so where it is not known', async () => {
  const digest = '2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683'; // of "key"
  const keys = parseApiKeys(JSON.stringify([{ id: 'k', tenant: 't', sha256: digest, role: 'read' }]));
  const closed = appUnderTest(async () => fake, { access: createAccess({ keys }) }).app;
  const ask = (apiKey: string) => clientOf((request) => closed.fetch(request), { apiKey }).client.encode(['a']);
  expect(await ask('key')).toHaveLength(1);
  await expect(ask('other')).rejects.toMatchObject({ status: 401, code: 'unauthorized' });
});

describe('what is refused for now', () => {
  it.each([429, 502, 503, 504])('is asked for again: %i', async (status) => {
    vi.useFakeTimers();
    try {
      let left = 2;
      const { client, sent } = clientOf((request) => (left-- > 0 ? refusal(status) : app.fetch(request)));
      const asked = client.estimate(['a']);
      await vi.runAllTimersAsync();
      expect((await asked).tokens).toEqual([3]);
      expect(sent).toHaveLength(3);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is waited for as long as the service says', async () => {
    vi.useFakeTimers();
    try {
      let isFirst = true;
      const { client, sent } = clientOf((request) => {
        if (!isFirst) return app.fetch(request);
        isFirst = false;
        return refusal(429, { 'retry-after': '3' });
      });
      const asked = client.estimate(['a']);
      await vi.advanceTimersByTimeAsync(2900);
      expect(sent).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(1000);
      expect(sent).toHaveLength(2);
      await asked;
    } finally {
      vi.useRealTimers();
    }
  });

  it('is waited for as long as a date says, and for longer than a minute not at all', async () => {
    const soon = refusal(429, { 'retry-after': new Date(Date.now() - 5000).toUTCString() });
    const late = refusal(429, { 'retry-after': '61' });
    const answers = [soon, late];
    const { client, sent } = clientOf(() => answers.shift()!);
    await expect(client.estimate(['a'])).rejects.toMatchObject({ status: 429, retryAfterSeconds: 61 });
    expect(sent).toHaveLength(2);
  });

  it('is not asked for again without end', async () => {
    const { client, sent } = clientOf(() => refusal(503, { 'retry-after': '0' }), { maxRetries: 3 });
    await expect(client.estimate(['a'])).rejects.toBeInstanceOf(M3edgeError);
    expect(sent).toHaveLength(4);
  });

  it.each([400, 401, 409, 413, 422, 500])('is not what is refused for good: %i', async (status) => {
    const { client, sent } = clientOf(() => refusal(status));
    await expect(client.estimate(['a'])).rejects.toMatchObject({ status });
    expect(sent).toHaveLength(1);
  });

  it('is a connection that fails, too', async () => {
    let left = 1;
    const { client } = clientOf(
      (request) => {
        if (left-- > 0) throw new TypeError('fetch failed');
        return app.fetch(request);
      },
      { maxRetries: 1 },
    );
    expect((await client.estimate(['a'])).tokens).toEqual([3]);
  });

  it('is an answer that does not come', async () => {
    const never = (request: Request) =>
      new Promise<Response>((_, reject) => {
        request.signal.addEventListener('abort', () => reject(request.signal.reason));
      });
    const { client } = clientOf(never, { timeoutMs: 10, maxRetries: 0 });
    await expect(client.estimate(['a'])).rejects.toMatchObject({ code: 'connection', status: 0 });
  });
});

describe('a signal', () => {
  it('ends a request, and what would come after it', async () => {
    const abort = new AbortController();
    const { client, sent } = clientOf(
      (request) => {
        abort.abort(new Error('enough'));
        request.signal.throwIfAborted();
        return refusal(500);
      },
      { maxRetries: 5 },
    );
    await expect(client.encode(['a'], { signal: abort.signal })).rejects.toThrow('enough');
    expect(sent).toHaveLength(1);
  });

  it('ends the wait for another try', async () => {
    const abort = new AbortController();
    const { client, sent } = clientOf(() => refusal(429, { 'retry-after': '59' }));
    const asked = client.estimate(['a'], { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('enough')), 20);
    await expect(asked).rejects.toThrow('enough');
    expect(sent).toHaveLength(1);
  });
});

it('is made of what browsers, Workers and Node have in common: nothing is imported at run time', () => {
  const directory = new URL('../../src/client/', import.meta.url);
  for (const name of readdirSync(directory)) {
    const source = readFileSync(new URL(name, directory), 'utf8');
    for (const [, isType, specifier] of source.matchAll(/^import (type )?[^;]*? from '([^']+)'/gm)) {
      if (!isType) expect(specifier).toMatch(/^\.\/[a-z]+\.ts$/);
    }
    expect(source).not.toMatch(/\bBuffer\b|\bprocess\b|\bwindow\b|\bcaches\b/);
  }
});
