import { describe, expect, it } from 'vitest';
import { ServiceError } from '../../src/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { runWorkersAi, toAiException } from '../../src/routes/workers-ai.ts';
import { denseScore } from '../../src/scoring/scoring.ts';
import { appUnderTest } from '../support/call-app.ts';
import { fakeEmbedder, HIDDEN } from '../support/fake-embedder.ts';

const MODEL = '@cf/baai/bge-m3';
const fake = fakeEmbedder();
const { post } = appUnderTest(async () => fake);
const run = (body: unknown) => post(`/ai/run/${MODEL}`, body);
const [cat, dog] = await fake.embed(['cat', 'dog!'], { dense: true });
const asFloat32 = (rows: number[][]) => rows.map((row) => row.map(Math.fround));

describe(`POST /ai/run/${MODEL}`, () => {
  it('embeds texts', async () => {
    const { status, json } = await run({ text: ['cat', 'dog!'], truncate_inputs: false });
    expect(status).toBe(200);
    expect(json).toMatchObject({ success: true, errors: [], messages: [] });
    expect(Object.keys(json.result)).toEqual(['shape', 'data', 'pooling']);
    expect(json.result).toMatchObject({ shape: [2, HIDDEN], pooling: 'cls' });
    expect(asFloat32(json.result.data)).toEqual([[...cat!.dense!], [...dog!.dense!]]);
    expect((await run({ text: 'cat' })).json.result).toEqual({
      shape: [1, HIDDEN],
      data: [json.result.data[0]],
      pooling: 'cls',
    });
  });

  it('scores contexts, ids being their places', async () => {
    const { json } = await run({ query: 'cat', contexts: [{ text: 'dog!' }, { text: 'cat' }] });
    expect(json.result).toEqual({
      response: [
        { id: 0, score: expect.closeTo(denseScore(cat!.dense!, dog!.dense!), 6) },
        { id: 1, score: expect.closeTo(1, 6) },
      ],
    });
  });

  it('embeds contexts without a query', async () => {
    const { json } = await run({ contexts: [{ text: 'cat' }] });
    expect(Object.keys(json.result)).toEqual(['response', 'shape', 'pooling']);
    expect(asFloat32(json.result.response)).toEqual([[...cat!.dense!]]);
  });

  it('refuses what is too long unless it may cut it', async () => {
    const text = 'x'.repeat(600);
    expect(await run({ text })).toMatchObject({ status: 400, json: { success: false, errors: [{ code: 5004 }] } });
    expect((await run({ text, truncate_inputs: true })).status).toBe(200);
    expect(fake.calls.at(-1)!.truncateField).toBe('truncate_inputs');
  });

  it.each([
    [{}, 400, 5004, 'text'],
    [{ text: [] }, 400, 5004, 'text'],
    [{ text: '' }, 400, 5004, 'text'],
    [{ text: Array(LIMITS.maxAiTexts + 1).fill('a') }, 400, 5004, 'text'],
    [{ query: 'a' }, 400, 5004, 'contexts'],
    [{ query: 'a', contexts: ['b'] }, 400, 5004, 'contexts[0]'],
    [{ query: 'a', contexts: [{ text: 7 }] }, 400, 5004, 'contexts[0].text'],
    [{ text: 'a', pooling: 'cls' }, 400, 5004, 'pooling'],
    [{ requests: [{ text: 'a' }] }, 400, 5004, 'requests'],
    [{ request_id: 'r' }, 400, 5004, 'request_id'],
  ])('%j is %i with code %i, naming %s', async (body, status, code, name) => {
    const { status: got, json } = await run(body);
    expect({ got, json }).toEqual({
      got: status,
      json: { result: null, success: false, errors: [{ code, message: expect.stringContaining(name) }], messages: [] },
    });
  });

  it('has no other model', async () => {
    const { status, json } = await post('/ai/run/@cf/baai/bge-large-en-v1.5', { text: 'a' });
    expect(status).toBe(400);
    expect(json.errors[0]).toEqual({ code: 5007, message: expect.stringContaining(MODEL) });
  });

  it.each([
    ['overloaded', 429, 3040],
    ['rate_limited', 429, 3036],
    ['model_unavailable', 503, 503],
  ] as const)('%s is %i with code %i', async (known, status, code) => {
    const app = appUnderTest(async () => {
      throw new ServiceError(known, 'told');
    });
    const { status: got, json } = await app.post(`/ai/run/${MODEL}`, { text: 'a' });
    expect({ got, errors: json.errors }).toEqual({ got: status, errors: [{ code, message: 'told' }] });
  });
});

describe('run(model, input)', () => {
  it('gives what the binding gives: no envelope', async () => {
    const { json } = await run({ text: 'cat' });
    expect(await runWorkersAi(fake, MODEL, { text: 'cat' })).toEqual(json.result);
  });

  it('fails with the code in front of the message, as the binding does', async () => {
    const failure = await runWorkersAi(fake, '@cf/meta/llama', { text: 'cat' }).catch((error) => error);
    expect(toAiException(failure).message).toMatch(/^5007: no such model @cf\/meta\/llama/);
    for (const input of [undefined, null, 'cat', []]) {
      const refusal = await runWorkersAi(fake, MODEL, input).catch((error) => error);
      expect(toAiException(refusal).message).toMatch(/^5004: /);
    }
  });
});
