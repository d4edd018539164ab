import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ServiceError } from '../../src/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { appUnderTest } from '../support/call-app.ts';
import { fakeEmbedder, MAX_TOKENS } from '../support/fake-embedder.ts';

const fake = fakeEmbedder();
let loads = 0;
const { post, send } = appUnderTest(async () => {
  loads++;
  return fake;
});
beforeEach(() => {
  loads = 0;
});
const bytes = (...values: number[]) => Uint8Array.of(...values);
const inJson = (before: string, inner: Uint8Array, after: string) =>
  new Uint8Array(Buffer.concat([Buffer.from(before), inner, Buffer.from(after)]));

/** What no model is needed for is refused without one. */
async function expectRefused(answer: ReturnType<typeof post>, status: number, code: string, param?: string) {
  const { status: got, json } = await answer;
  expect({ status: got, code: json.error.code, param: json.error.param }).toEqual({ status, code, param });
  expect(json.error.request_id).toMatch(/^[0-9a-f-]{36}$/);
  expect(loads).toBe(0);
  return json.error.message as string;
}

describe('D38: a body that is too large', () => {
  const tooLarge = LIMITS.bodyBytes + 1;

  it('is refused by its content-length', async () => {
    await expectRefused(post('/encode', '{}', { 'content-length': String(tooLarge) }), 413, 'body_too_large');
  });

  it.each([
    ['/encode', LIMITS.bodyBytes],
    ['/score', LIMITS.vectorBodyBytes],
  ])('is refused by what arrives, and not read to its end: %s', async (path, limit) => {
    let sent = 0;
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65536;
        controller.enqueue(new Uint8Array(65536).fill(0x20));
      },
      cancel() {
        cancelled = true;
      },
    });
    await expectRefused(post(path, endless, { 'content-length': '2' }), 413, 'body_too_large');
    expect(sent).toBeLessThan(limit + 5 * 65536);
    expect(cancelled).toBe(true);
  });

  it('is one byte longer than the largest that is read', async () => {
    const body = JSON.stringify({ texts: 'cat' });
    const { status } = await post('/encode', body.padEnd(LIMITS.bodyBytes));
    expect(status).toBe(200);
    loads = 0;
    await expectRefused(post('/encode', body.padEnd(tooLarge)), 413, 'body_too_large');
  });
});

describe('D39: a media type that is not read', () => {
  it.each([
    ['text/plain'],
    ['application/x-www-form-urlencoded'],
    ['application/jsonp'],
    ['application/json; charset=latin1'],
    ['application/json; charset=utf-16'],
    [''],
  ])('content-type %j', async (type) => {
    await expectRefused(post('/encode', '{"texts":"a"}', { 'content-type': type }), 415, 'unsupported_media_type');
  });

  it.each(['application/json', 'Application/JSON; charset=UTF-8', 'application/json;charset="utf-8"'])(
    'unlike %j',
    async (type) => {
      expect((await post('/encode', { texts: 'a' }, { 'content-type': type })).status).toBe(200);
    },
  );

  it.each(['gzip', 'br', 'deflate, gzip'])('content-encoding %s', async (encoding) => {
    await expectRefused(
      post('/encode', '{"texts":"a"}', { 'content-encoding': encoding }),
      415,
      'unsupported_media_type',
    );
  });
});

describe('D42: a body that is no JSON', () => {
  it.each([
    ['an empty one', ''],
    ['text', 'hello'],
    ['an unfinished object', '{"texts":"a"'],
    ['an unfinished string', '{"texts":"a'],
    ['single quotes', "{'texts':'a'}"],
    ['a trailing comma', '{"texts":"a",}'],
    ['NaN', '{"texts":"a","max_length":NaN}'],
    ['200,000 open brackets', '['.repeat(200_000)],
    ['nesting', `{"texts":${'['.repeat(40)}"a"${']'.repeat(40)}}`],
    ['a key with a broken escape', '{"\\u12":1}'],
    ['a control character in a string', '{"texts":"a\u0000"}'],
  ])('%s', async (_, body) => {
    const message = await expectRefused(post('/encode', body), 400, 'bad_request');
    expect(message).not.toContain('hello');
  });

  it.each([
    ['a lone continuation byte', bytes(0x80)],
    ['an overlong slash', bytes(0xc0, 0xaf)],
    ['a surrogate', bytes(0xed, 0xa0, 0x80)],
    ['beyond U+10FFFF', bytes(0xf4, 0x90, 0x80, 0x80)],
    ['a cut character', bytes(0xe2, 0x82)],
  ])('D40: invalid UTF-8: %s', async (_, inner) => {
    await expectRefused(post('/encode', inJson('{"texts":"', inner, '"}')), 400, 'bad_request');
  });

  it.each([
    ['{"texts":"a","texts":"b"}', 'texts'],
    ['{"texts":"a","\\u0074exts":"b"}', 'texts'],
    ['{"texts":"a", "truncate" :true,"truncate": true}', 'truncate'],
  ])('a field that appears twice: %s', async (body, param) => {
    await expectRefused(post('/encode', body), 400, 'bad_request', param);
  });

  it('unlike a text that holds JSON', async () => {
    const texts = ['{"a":1,"a":2}', '"a":"a":', '\\', '['.repeat(500)];
    expect((await post('/encode', { texts })).status).toBe(200);
  });
});

describe('D42, D48: a field of the wrong type', () => {
  it.each([
    [[1, 2], undefined],
    ['text', undefined],
    [null, undefined],
    [{}, 'texts'],
    [{ texts: null }, 'texts'],
    [{ texts: 7 }, 'texts'],
    [{ texts: { a: 1 } }, 'texts'],
    [{ texts: ['a', 7] }, 'texts[1]'],
    [{ texts: ['a', null] }, 'texts[1]'],
    [{ texts: [['a']] }, 'texts[0]'],
    [{ texts: 'a', return_dense: 'yes' }, 'return_dense'],
    [{ texts: 'a', return_sparse: null }, 'return_sparse'],
    [{ texts: 'a', return_colbert_vecs: 1 }, 'return_colbert_vecs'],
    [{ texts: 'a', max_length: '512' }, 'max_length'],
    [{ texts: 'a', max_length: 0 }, 'max_length'],
    [{ texts: 'a', max_length: 2 }, 'max_length'],
    [{ texts: 'a', max_length: 4.5 }, 'max_length'],
    [{ texts: 'a', max_length: 1e9 }, 'max_length'],
    [{ texts: 'a', encoding_format: 'float16' }, 'encoding_format'],
    [{ texts: 'a', pooling: 'max' }, 'pooling'],
    [{ texts: 'a', instruction: 1 }, 'instruction'],
    [{ texts: 'a', return_dense: false }, 'return_dense'],
  ])('/encode %j', async (body, param) => {
    const message = await expectRefused(post('/encode', JSON.stringify(body)), 400, 'bad_request', param);
    if (param) expect(message).toContain(param);
  });

  it('/encode lists what a field may be', async () => {
    const { json } = await post('/encode', { texts: 'a', pooling: 'max' });
    expect(json.error.message).toBe('pooling must be one of "cls", "mean"');
  });

  it.each(['texst', 'embedding_type', 'Texts', 'toString', 'constructor', '__proto__', 'hasOwnProperty'])(
    '/encode refuses the unknown field %s by name',
    async (field) => {
      const body = `{"texts":"a","${field}":1}`;
      expect(await expectRefused(post('/encode', body), 400, 'bad_request', field)).toContain(field);
    },
  );

  it('a made-up field name is printed on one line and cut', async () => {
    const body = `{"texts":"a","${'\\n\\u001b[31m'.repeat(40)}":1}`;
    const { json } = await post('/encode', body);
    expect(json.error.param).toMatch(/^[\x20-\x7e]{1,64}$/);
  });

  it('does not change any prototype', async () => {
    await post('/encode', '{"texts":"a","__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  const pair = ['q', 'p'];
  it.each([
    [{}, 'sentence_pairs'],
    [{ sentence_pairs: 'q' }, 'sentence_pairs'],
    [{ sentence_pairs: pair }, 'sentence_pairs[0]'],
    [{ sentence_pairs: [['q']] }, 'sentence_pairs[0][1]'],
    [{ sentence_pairs: [['q', 'p', 'x']] }, 'sentence_pairs[0][2]'],
    [{ sentence_pairs: [['q', 3]] }, 'sentence_pairs[0][1]'],
    [{ sentence_pairs: [pair], query: 'q' }, 'sentence_pairs'],
    [{ query: 'q' }, 'passages'],
    [{ passages: ['p'] }, 'query'],
    [{ query: ['q'], passages: ['p'] }, 'query'],
    [{ query: 'q', passages: 'p' }, 'passages'],
    [{ query: 'q', passages: [3] }, 'passages[0]'],
    [{ query: 'q', passages: [{ dense_vecs: [] }] }, 'passages[0].fingerprint'],
    [{ query: 'q', passages: ['p'], weights_for_different_modes: [1, 1] }, 'weights_for_different_modes[2]'],
    [{ query: 'q', passages: ['p'], weights_for_different_modes: [1, -1, 1] }, 'weights_for_different_modes[1]'],
    [{ query: 'q', passages: ['p'], weights_for_different_modes: [0, 0, 0] }, 'weights_for_different_modes'],
    [{ query: 'q', passages: ['p'], weights_for_different_modes: [1e300, 1, 1] }, 'weights_for_different_modes[0]'],
    [{ query: 'q', passages: ['p'], max_query_length: 1 }, 'max_query_length'],
    [{ query: 'q', passages: ['p'], max_passage_length: 1e9 }, 'max_passage_length'],
    [{ query: 'q', passages: ['p'], texts: ['p'] }, 'texts'],
  ])('/score %j', async (body, param) => {
    expect(await expectRefused(post('/score', body), 400, 'bad_request', param)).toContain(param);
  });

  it('/score refuses a weight that JSON lets become infinite', async () => {
    const body = '{"query":"q","passages":["p"],"weights_for_different_modes":[1e999,1,1]}';
    await expectRefused(post('/score', body), 400, 'bad_request', 'weights_for_different_modes[0]');
  });
});

describe('D43: texts with nothing in them', () => {
  it.each(['', ' ', '\n\t\u3000', '\u200b', '\ufeff', '\u0000\u0007', '\u200d\u2060\u00ad'])('%j', async (text) => {
    await expectRefused(post('/encode', { texts: text }), 422, 'empty_input', 'texts');
    await expectRefused(post('/encode', { texts: ['a', text] }), 422, 'empty_input', 'texts[1]');
    await expectRefused(post('/score', { query: text, passages: ['p'] }), 422, 'empty_input', 'query');
    await expectRefused(post('/score', { sentence_pairs: [['q', text]] }), 422, 'empty_input', 'sentence_pairs[0][1]');
  });

  it('no texts at all', async () => {
    await expectRefused(post('/encode', { texts: [] }), 422, 'empty_input', 'texts');
    await expectRefused(post('/score', { query: 'q', passages: [] }), 422, 'empty_input', 'passages');
    await expectRefused(post('/score', { sentence_pairs: [] }), 422, 'empty_input', 'sentence_pairs');
  });

  it('unlike texts of one visible character', async () => {
    expect((await post('/encode', { texts: ['a', '.', '你', '👩‍👩‍👧', '́'] })).status).toBe(200);
  });
});

describe('D41: half of a surrogate pair', () => {
  it.each(['\\ud800', 'a\\udc00b', '\\ude00\\ud83d'])('%s is refused, in every field', async (half) => {
    await expectRefused(post('/encode', `{"texts":["a","x${half}"]}`), 400, 'bad_request', 'texts[1]');
    await expectRefused(post('/encode', `{"texts":"a","instruction":"${half}"}`), 400, 'bad_request', 'instruction');
    await expectRefused(post('/score', `{"query":"x${half}","passages":["p"]}`), 400, 'bad_request', 'query');
    await expectRefused(post('/score', `{"query":"q","passages":["x${half}"]}`), 400, 'bad_request', 'passages[0]');
  });

  it('is fine with its other half', async () => {
    expect((await post('/encode', '{"texts":"\\ud83d\\ude00"}')).status).toBe(200);
  });
});

describe('D44, D45: too much of it', () => {
  it('texts are counted', async () => {
    expect((await post('/encode', { texts: Array(LIMITS.maxTexts).fill('a') })).status).toBe(200);
    loads = 0;
    const texts = Array(LIMITS.maxTexts + 1).fill('a');
    await expectRefused(post('/encode', { texts }), 422, 'batch_too_large', 'texts');
    await expectRefused(post('/score', { query: 'q', passages: texts }), 422, 'batch_too_large', 'passages');
    const sentence_pairs = texts.map((text) => [text, text]);
    await expectRefused(post('/score', { sentence_pairs }), 422, 'batch_too_large', 'sentence_pairs');
  });

  it('characters are counted before they are tokenised', async () => {
    const texts = ['a', 'a'.repeat(LIMITS.textUnits + 1)];
    await expectRefused(post('/encode', { texts }), 422, 'input_too_long', 'texts[1]');
  });

  const ofTokens = (count: number) => 'x'.repeat(count - 2);
  it.each([
    [MAX_TOKENS - 1, 200],
    [MAX_TOKENS, 200],
    [MAX_TOKENS + 1, 422],
  ])('a text of %i tokens: %i', async (tokens, status) => {
    const { status: got, json } = await post('/encode', { texts: ['a', ofTokens(tokens)] });
    expect(got).toBe(status);
    if (status === 422) expect(json.error).toMatchObject({ code: 'input_too_long', param: 'texts[1]' });
    else expect(json.usage.tokens[1]).toBe(tokens);
  });

  it('a text that is too long is cut where that is asked for', async () => {
    const { status, json } = await post('/encode', { texts: ofTokens(MAX_TOKENS + 1), truncate: true });
    expect(status).toBe(200);
    expect(json.usage).toEqual({ tokens: [MAX_TOKENS], truncated: [true] });
  });

  it('names the field of a text that is too long as the caller wrote it', async () => {
    const long = ofTokens(MAX_TOKENS + 1);
    const paramOf = async (path: string, body: unknown) => (await post(path, body)).json.error.param;
    expect(await paramOf('/encode', { texts: long })).toBe('texts');
    expect(await paramOf('/score', { query: long, passages: ['a'] })).toBe('query');
    expect(await paramOf('/score', { query: 'a', passages: ['a', long] })).toBe('passages[1]');
    expect(
      await paramOf('/score', {
        sentence_pairs: [
          ['a', 'a'],
          ['a', long],
        ],
      }),
    ).toBe('sentence_pairs[1][1]');
  });
});

describe('E54: an address', () => {
  const address = 'http://169.254.169.254/latest/meta-data';

  it.each([
    ['/encode', { texts: 'a', url: address }, 'url'],
    ['/encode', { texts: [{ url: address }] }, 'texts[0]'],
    ['/encode', { urls: [address] }, 'texts'],
    ['/score', { query: 'q', passages: [{ url: address }] }, 'passages[0].fingerprint'],
  ])('in place of a text is refused: %s %j', async (path, body, param) => {
    await expectRefused(post(path, body), 400, 'bad_request', param);
  });

  it('is a text like any other, and nothing is fetched', async () => {
    const fetched = vi.spyOn(globalThis, 'fetch');
    const { status, json } = await post('/encode', { texts: address });
    expect(status).toBe(200);
    expect(json.usage.tokens).toEqual([address.length + 2]);
    expect(fetched).not.toHaveBeenCalled();
    fetched.mockRestore();
  });
});

describe('errors', () => {
  it('carry the request id of the caller, or one of our own', async () => {
    const id = 'trace.1:a_B-2';
    const named = await post('/encode', '', { 'x-request-id': id });
    expect(named.headers.get('x-request-id')).toBe(id);
    expect(named.json.error.request_id).toBe(id);
    for (const hostile of ['a b', 'x'.repeat(129), 'a\u00e9']) {
      const { headers, json } = await post('/encode', '', { 'x-request-id': hostile });
      expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
      expect(json.error.request_id).toBe(headers.get('x-request-id'));
    }
  });

  it.each([
    ['GET', '/encode'],
    ['PUT', '/encode'],
    ['PUT', '/'],
    ['GET', '/model/manifest.json'],
    ['GET', '/manifest.json'],
    ['GET', '/../etc/passwd'],
    ['POST', '/encode/'],
    ['GET', '/__scheduled'],
    ['POST', '/__scheduled?cron=*'],
    ['GET', '/cdn-cgi/handler/scheduled'],
  ])('E52, E57: %s %s is not found', async (method, path) => {
    const { status, json } = await send(path, { method });
    expect(status).toBe(404);
    expect(json.error.code).toBe('not_found');
  });

  const failing = (error: unknown) =>
    appUnderTest(async () => {
      throw error;
    });

  it.each([
    [new ServiceError('overloaded', 'busy', { retryAfterSeconds: 2.5 }), 429, '3'],
    [new ServiceError('overloaded', 'busy'), 429, '1'],
    [new ServiceError('model_unavailable', 'storage is down'), 503, '2'],
    [new ServiceError('model_shard_missing', 'no shard'), 503, '10'],
    [new ServiceError('model_shard_corrupt', 'damaged'), 503, '10'],
    [new ServiceError('engine_numeric', 'not finite'), 500, null],
    [new ServiceError('fingerprint_mismatch', 'other model'), 409, null],
  ])('%s has status %i and retry-after %s', async (error, status, retryAfter) => {
    const { post: postFailing, logged } = failing(error);
    const { status: got, headers, json } = await postFailing('/encode', { texts: 'a' });
    expect({ got, retryAfter: headers.get('retry-after') }).toEqual({ got: status, retryAfter });
    expect(json.error).toMatchObject({ code: error.code, message: error.message });
    expect(headers.get('x-request-id')).toBe(json.error.request_id);
    expect(logged).toEqual([]);
  });

  it('E57: that are bugs are logged once and tell the caller nothing', async () => {
    const { post: postFailing, logged } = failing(new TypeError('secret thing is undefined'));
    const { status, text, json } = await postFailing('/encode', { texts: 'a' });
    expect(status).toBe(500);
    expect(json.error.code).toBe('internal');
    expect(text).not.toMatch(/secret|TypeError|at /);
    expect(logged).toMatchObject([
      { name: 'TypeError', message: 'secret thing is undefined', request_id: json.error.request_id },
    ]);
    expect(logged[0]!.stack).toContain('bad-requests.test.ts');
  });

  it('of a caller that has left are nobody’s', async () => {
    const abort = new AbortController();
    const { app, logged } = appUnderTest(async () =>
      fakeEmbedder({
        beforeText() {
          abort.abort();
          abort.signal.throwIfAborted();
        },
      }),
    );
    const request = new Request('http://localhost/encode', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"texts":"a"}',
      signal: abort.signal,
    });
    expect((await app.fetch(request)).status).toBe(499);
    expect(logged).toEqual([]);
  });
});
