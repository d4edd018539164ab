import { describe, expect, it } from 'vitest';
import { ServiceError } from '../../src/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { appUnderTest } from '../support/call-app.ts';
import { COLBERT, FINGERPRINT, fakeEmbedder, HIDDEN } from '../support/fake-embedder.ts';
import { modelDirectory, openModel } from '../support/models.ts';

const fake = fakeEmbedder();
const { post, send } = appUnderTest(async () => fake);
const embed = (body: object, headers = {}) => post('/v1/embeddings', { model: 'fake', ...body }, headers);
const [cat] = await fake.embed(['cat'], { dense: true, colbert: true });

/** As openai-node does with whatever comes back when the caller names no format. */
const decodeAsSdk = (embedding: string) => new Float32Array(Uint8Array.from(Buffer.from(embedding, 'base64')).buffer);

describe('POST /v1/embeddings', () => {
  it.each(['/v1/embeddings', '/embeddings'])('answers as OpenAI does: %s', async (path) => {
    const { status, json, headers } = await post(path, { model: 'fake', input: ['cat', 'dog!'], user: 'u1' });
    expect(status).toBe(200);
    expect(json).toEqual({
      object: 'list',
      model: 'fake',
      data: [
        { object: 'embedding', index: 0, embedding: expect.any(Array) },
        { object: 'embedding', index: 1, embedding: expect.any(Array) },
      ],
      usage: { prompt_tokens: 11, total_tokens: 11 },
    });
    expect(json.data[0].embedding.map(Math.fround)).toEqual([...cat!.dense!]);
    expect(headers.get('x-embedding-fingerprint')).toBe(FINGERPRINT);
    expect(headers.get('x-request-id')).toBeTruthy();
  });

  it('gives base64 of little-endian float32 where that is asked for, as the SDK does by itself', async () => {
    const { json } = await embed({ input: 'cat', encoding_format: 'base64' });
    const { embedding } = json.data[0];
    expect(embedding).toHaveLength(Math.ceil((4 * HIDDEN) / 3) * 4);
    expect([...decodeAsSdk(embedding)]).toEqual([...cat!.dense!]);
  });

  it('gives numbers where nothing is asked for', async () => {
    const { json } = await embed({ input: 'cat' });
    expect(json.data[0].embedding).toHaveLength(HIDDEN);
  });

  it('keeps the first dimensions, normalised, and says in a header that something is lost', async () => {
    const { json, headers } = await embed({ input: 'cat', dimensions: 16 });
    expect(json.data[0].embedding).toHaveLength(16);
    expect(Math.hypot(...json.data[0].embedding)).toBeCloseTo(1, 6);
    const scale = json.data[0].embedding[0] / cat!.dense![0]!;
    for (let i = 0; i < 16; i++) expect(json.data[0].embedding[i]).toBeCloseTo(cat!.dense![i]! * scale, 6);
    expect(headers.get('x-embedding-lossy')).toBe('dimensions');
    expect((await embed({ input: 'cat', dimensions: HIDDEN })).headers.get('x-embedding-lossy')).toBeNull();
  });

  it('adds what OpenAI has not only where it is asked for', async () => {
    const { json } = await embed({
      input: 'cat',
      return_sparse: true,
      return_colbert: true,
      encoding_format: 'base64',
    });
    expect(Object.keys(json.data[0])).toEqual([
      'object',
      'index',
      'embedding',
      'sparse_embedding',
      'colbert_embedding',
    ]);
    expect(Object.keys(json.data[0].sparse_embedding)).toHaveLength(3);
    expect(json.data[0].colbert_embedding.map((row: string) => decodeAsSdk(row).length)).toEqual([
      COLBERT,
      COLBERT,
      COLBERT,
      COLBERT,
    ]);
  });

  it('takes the 2,048 inputs that clients send at most', async () => {
    const { status, json } = await embed({ input: Array(LIMITS.maxInputs).fill('a'), encoding_format: 'base64' });
    expect(status).toBe(200);
    expect(json.data).toHaveLength(LIMITS.maxInputs);
    const refused = await embed({ input: Array(LIMITS.maxInputs + 1).fill('a') });
    expect(refused.status).toBe(400);
    expect(refused.json.error).toMatchObject({ code: 'batch_too_large', param: 'input' });
  });
});

describe('token ids as input', () => {
  it.each([[[[9906, 1917]]], [[9906, 1917]]])(
    'are refused, with what LangChain needs to be told: %j',
    async (input) => {
      const { status, json } = await embed({ input });
      expect(status).toBe(400);
      expect(json.error).toMatchObject({ type: 'invalid_request_error', param: 'input', code: null });
      expect(json.error.message).toContain('check_embedding_ctx_length=False');
      expect(json.error.message).toContain('x-input-tokens: xlmr');
    },
  );

  it('are the text they stand for, where the caller says whose they are', async () => {
    const embedder = await openModel(modelDirectory('micro-m3', 'q8'));
    const app = appUnderTest(async () => embedder);
    const ask = async (input: unknown) =>
      app.post('/v1/embeddings', { model: 'micro-m3', input }, { 'x-input-tokens': 'xlmr' });
    for (const text of ['What is BGE M3?', '日本国憲法  ﬁ', 'a<mask>b']) {
      const ids = [...embedder.tokenizer.encode(text).ids];
      const [ofText, ofIds, ofInner, ofList] = await Promise.all(
        [text, ids, ids.slice(1, -1), [ids, ids]].map(async (input) => (await ask(input)).json),
      );
      expect(ofIds).toEqual(ofText);
      expect(ofInner).toEqual(ofText);
      expect(ofList.data.map(({ embedding }: { embedding: unknown }) => embedding)).toEqual([
        ofText.data[0].embedding,
        ofText.data[0].embedding,
      ]);
    }
    const foreign = await ask([
      [0, 9, 2],
      [4095, 4090, 17, 900],
    ]);
    expect(foreign.status).toBe(400);
    expect((await ask([10, 99999999])).json.error).toMatchObject({ param: 'input' });
    expect((await ask([0, 2])).json.error).toMatchObject({ code: 'empty_input' });
  });
});

describe('errors', () => {
  it.each([
    [{ input: '' }, 400, 'input', 'empty_input'],
    [{ input: [] }, 400, 'input', 'empty_input'],
    [{ input: ['a', ' '] }, 400, 'input[1]', 'empty_input'],
    [{}, 400, 'input', null],
    [{ input: 'a', model: 7 }, 400, 'model', null],
    [{ input: 'a', model: 'text-embedding-3-small' }, 404, 'model', 'model_not_found'],
    [{ input: 'x'.repeat(600) }, 400, 'input', 'context_length_exceeded'],
    [{ input: ['a', 'x'.repeat(600)] }, 400, 'input[1]', 'context_length_exceeded'],
    [{ input: 'a', encoding_format: 'int8' }, 400, 'encoding_format', null],
    [{ input: 'a', dimensions: 0 }, 400, 'dimensions', null],
    [{ input: 'a', dimensions: 1e9 }, 400, 'dimensions', null],
    [{ input: 'a', task: 'retrieval.query' }, 400, 'task', null],
    [{ input: 'a', user: 1 }, 400, 'user', null],
    [{ input: [['a']] }, 400, 'input[0][0]', null],
    [{ input: [1.5] }, 400, 'input[0]', null],
    [{ input: [-1] }, 400, 'input[0]', null],
  ])('%j is %i, param %j, code %j', async (body, status, param, code) => {
    const { status: got, json } = await embed(body);
    expect({ got, ...json.error }).toEqual({
      got: status,
      type: 'invalid_request_error',
      message: expect.any(String),
      param,
      code,
    });
    expect(Object.keys(json)).toEqual(['error']);
  });

  it.each([
    ['overloaded', 429, 'rate_limit_error', '1', null],
    ['model_shard_missing', 503, 'server_error', '10', null],
    ['engine_numeric', 500, 'server_error', null, 'false'],
    ['internal', 500, 'server_error', null, null],
  ] as const)(
    '%s is %i of type %s, retry-after %j, x-should-retry %j',
    async (code, status, type, retryAfter, retry) => {
      const app = appUnderTest(async () => {
        throw new ServiceError(code, 'told');
      });
      const { status: got, json, headers } = await app.post('/v1/embeddings', { model: 'fake', input: 'a' });
      expect(got).toBe(status);
      expect(json.error).toMatchObject({ type, message: 'told', param: null });
      expect(headers.get('retry-after')).toBe(retryAfter);
      expect(headers.get('x-should-retry')).toBe(retry);
    },
  );
});

it('tells of no field for long texts, since OpenAI has none', async () => {
  await embed({ input: 'cat' });
  expect(fake.calls.at(-1)!.truncateField).toBeNull();
});

it.each([
  ['GET', '/v1/embeddings'],
  ['POST', '/v1/chat/completions'],
])('%s %s is not there, in OpenAI’s shape', async (method, path) => {
  const { status, json } = await send(path, { method });
  expect(status).toBe(404);
  expect(json.error).toEqual({
    message: expect.stringContaining('route'),
    type: 'invalid_request_error',
    param: null,
    code: 'unknown_url',
  });
});

it.each(['/v1/models', '/models'])('GET %s lists the model that is served', async (path) => {
  const { status, json } = await send(path);
  expect(status).toBe(200);
  expect(json).toEqual({ object: 'list', data: [{ id: 'fake', object: 'model', created: 0, owned_by: 'nobody' }] });
});

it.each(['fake', 'nobody/fake'])('the model may be called %s', async (model) => {
  expect((await post('/v1/embeddings', { model, input: 'a' })).status).toBe(200);
});
