import { describe, expect, it } from 'vitest';
import { ServiceError } from '../../src/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { appUnderTest } from '../support/call-app.ts';
import { fakeEmbedder, HIDDEN, MAX_TOKENS } from '../support/fake-embedder.ts';
import { modelDirectory, openModel, readGolden } from '../support/models.ts';

const fake = fakeEmbedder();
const { post, send } = appUnderTest(async () => fake);
const embedder = await openModel(modelDirectory('micro-m3', 'q8'));
const real = appUnderTest(async () => embedder);
const [cat, dog] = await fake.embed(['cat', 'dog!'], { dense: true, sparse: true });

describe('POST /embed', () => {
  it.each(['/embed', '/', '/invocations'])('%s answers with a list of vectors, also for one text', async (path) => {
    const { status, json } = await post(path, { inputs: ['cat', 'dog!'] });
    expect(status).toBe(200);
    expect(json.map((row: number[]) => row.map(Math.fround))).toEqual([[...cat!.dense!], [...dog!.dense!]]);
    expect((await post(path, { inputs: 'cat' })).json).toEqual([json[0]]);
  });

  it('takes every option of TEI', async () => {
    const { status } = await post('/embed', {
      inputs: 'cat',
      truncate: true,
      normalize: true,
      truncation_direction: 'Right',
      prompt_name: null,
      dimensions: null,
    });
    expect(status).toBe(200);
  });

  it('cuts what is too long unless it is told not to, on the side that is named', async () => {
    const inputs = 'x'.repeat(MAX_TOKENS);
    for (const truncate of [{}, { truncate: null }, { truncate: true }]) {
      expect((await post('/embed', { inputs, ...truncate })).status).toBe(200);
    }
    const refused = await post('/embed', { inputs, truncate: false });
    expect(refused.status).toBe(422);
    expect(refused.json).toEqual({ error: expect.stringContaining('inputs'), error_type: 'Validation' });
    for (const [direction, side] of [
      ['Left', 'left'],
      ['left', 'left'],
      ['Right', 'right'],
    ]) {
      await post('/embed', { inputs, truncation_direction: direction });
      expect(fake.calls.at(-1)).toMatchObject({ truncate: true, truncationSide: side });
    }
  });

  it('normalises after it has cut dimensions, and only then', async () => {
    const long = (await real.post('/embed', { inputs: 'BM25', normalize: false })).json[0];
    const unit = (await real.post('/embed', { inputs: 'BM25' })).json[0];
    const length = Math.hypot(...long);
    expect(Math.abs(length - 1)).toBeGreaterThan(0.01);
    for (const [i, value] of unit.entries()) expect(value).toBeCloseTo(long[i] / length, 5);

    const cut = (await real.post('/embed', { inputs: 'BM25', dimensions: 16 })).json[0];
    expect(Math.hypot(...cut)).toBeCloseTo(1, 6);
    const cutLength = Math.hypot(...long.slice(0, 16));
    for (const [i, value] of cut.entries()) expect(value).toBeCloseTo(long[i] / cutLength, 5);
    const { json } = await real.post('/embed', { inputs: 'BM25', dimensions: 16, normalize: false });
    expect(json[0]).toEqual(long.slice(0, 16));
  });

  it("takes this model's token ids for texts, alone and among them", async () => {
    const ids = [...embedder.tokenizer.encode('BM25 rocks').ids];
    const { json } = await real.post('/embed', { inputs: ['BM25 rocks', ids] });
    expect(json[1]).toEqual(json[0]);
    expect((await real.post('/embed', { inputs: ids })).json).toEqual([json[0]]);
  });
});

describe('POST /embed_sparse', () => {
  it('answers with what is not zero, ids ascending', async () => {
    const { json } = await real.post('/embed_sparse', { inputs: ['What is BGE M3?'] });
    const [embedding] = await embedder.embed(['What is BGE M3?'], { sparse: true });
    const lexicalWeights = embedding!.lexicalWeights!;
    const indices = json[0].map(({ index }: { index: number }) => index);
    expect(indices).toEqual([...lexicalWeights.keys()]);
    expect(indices).toEqual(indices.toSorted((a: number, b: number) => a - b));
    expect(json[0].map(({ value }: { value: number }) => Math.fround(value))).toEqual([...lexicalWeights.values()]);
  });
});

describe('POST /embed_all', () => {
  it('answers with the hidden state of every token, <s> and </s> included, not normalised', async () => {
    const { json } = await real.post('/embed_all', { inputs: 'BM25' });
    const { ids } = embedder.tokenizer.encode('BM25');
    expect(json).toHaveLength(1);
    expect(json[0]).toHaveLength(ids.length);
    expect(json[0][0]).toHaveLength(HIDDEN);
    const { json: first } = await real.post('/embed', { inputs: 'BM25', normalize: false });
    expect(json[0][0]).toEqual(first[0]);
  });
});

describe('POST /similarity', () => {
  it('answers with cosines in the order of the sentences', async () => {
    const sentences = ['a cat', 'what is a cat', 'rain'];
    const inputs = { source_sentence: 'what is a cat', sentences };
    const { json } = await post('/similarity', { inputs, parameters: { truncate: true, prompt_name: null } });
    expect(json).toHaveLength(3);
    expect(json[1]).toBeCloseTo(1, 6);
    expect((await post('/similarity', { inputs })).json).toEqual(json);
    expect((await post('/similarity', { inputs, parameters: null })).json).toEqual(json);
  });

  it('counts the source among the texts of a batch', async () => {
    const ask = (count: number) =>
      post('/similarity', { inputs: { source_sentence: 'q', sentences: Array(count).fill('p') } });
    expect((await ask(LIMITS.maxTexts - 1)).status).toBe(200);
    expect((await ask(LIMITS.maxTexts)).status).toBe(422);
  });
});

describe('POST /tokenize', () => {
  it('says which bytes of UTF-8 each token comes from; the two that are added come from none', async () => {
    const text = 'naïve 日本 ﬁsh';
    const { json } = await real.post('/tokenize', { inputs: text });
    const [tokens] = json;
    const bytes = Buffer.from(text);
    expect(tokens.map(({ id }: { id: number }) => id)).toEqual([...embedder.tokenizer.encode(text).ids]);
    expect(tokens[0]).toEqual({ id: 0, text: '<s>', special: true, start: null, stop: null });
    expect(tokens.at(-1)).toEqual({ id: 2, text: '</s>', special: true, start: null, stop: null });
    for (const token of tokens.slice(1, -1)) {
      expect(token.special).toBe(false);
      expect(token.text).toBe(bytes.subarray(token.start, token.stop).toString());
    }
  });

  it('leaves the special tokens out where they are not wanted', async () => {
    const { json } = await real.post('/tokenize', { inputs: ['BM25', 'a'], add_special_tokens: false });
    const withThem = await real.post('/tokenize', { inputs: ['BM25', 'a'] });
    expect(json).toEqual(withThem.json.map((tokens: unknown[]) => tokens.slice(1, -1)));
  });

  it('takes 250 characters a token of the longest text, whatever they are made of', async () => {
    const most = 250 * embedder.maxTokens;
    for (const character of ['a', '😀']) {
      expect((await real.post('/tokenize', { inputs: character.repeat(most) })).status).toBe(200);
      const { status, json } = await real.post('/tokenize', { inputs: ['a', character.repeat(most + 1)] });
      expect({ status, json }).toEqual({
        status: 422,
        json: {
          error: `inputs[1] has ${most + 1} characters, more than ${most}; cut it into parts`,
          error_type: 'Validation',
        },
      });
    }
  });

  it('prints every token of a long text once', async () => {
    const text = 'ab '.repeat(2000);
    const { json } = await real.post('/tokenize', { inputs: text });
    expect(json[0].map(({ id }: { id: number }) => id)).toEqual([...embedder.tokenizer.encode(text).ids]);
  });
});

describe('POST /decode', () => {
  it('answers with a list of texts, also for one list of ids', async () => {
    for (const { ids } of readGolden('micro-m3').texts.slice(0, 10)) {
      const text = embedder.tokenizer.decode(ids, { skipSpecial: true });
      expect((await real.post('/decode', { ids })).json).toEqual([text]);
      expect((await real.post('/decode', { ids: [ids, ids] })).json).toEqual([text, text]);
    }
    const { json } = await real.post('/decode', { ids: [0, 2], skip_special_tokens: false });
    expect(json).toEqual(['<s></s>']);
  });
});

describe('GET', () => {
  it('/ping is /health', async () => {
    expect(await send('/ping')).toMatchObject({ status: 200, text: '' });
  });

  it('/info says that these routes cut', async () => {
    expect((await send('/info')).json.auto_truncate).toBe(true);
  });
});

describe('errors', () => {
  const routes = {
    '/embed': { inputs: 'a' },
    '/embed_all': { inputs: 'a' },
    '/embed_sparse': { inputs: 'a' },
    '/similarity': { inputs: { source_sentence: 'a', sentences: ['b'] } },
    '/tokenize': { inputs: 'a' },
    '/decode': { ids: [3] },
    '/rerank': { query: 'a', texts: ['b'] },
  };

  it.each(Object.entries(routes))(
    '%s refuses an unknown field by name, with 422 and PascalCase',
    async (path, body) => {
      const { status, json } = await post(path, { ...body, temperature: 1 });
      expect(status).toBe(422);
      expect(json).toEqual({ error: expect.stringContaining('temperature'), error_type: 'Validation' });
    },
  );

  it.each(Object.keys(routes))('%s answers 400 to what is no JSON, 415 to what does not say it is', async (path) => {
    expect(await post(path, '{"inputs"')).toMatchObject({ status: 400, json: { error_type: 'Validation' } });
    expect(await post(path, '{}', { 'content-type': 'text/plain' })).toMatchObject({ status: 415 });
  });

  it.each([
    ['/embed', {}, 422, 'Validation'],
    ['/embed', { inputs: [] }, 400, 'Empty'],
    ['/embed', { inputs: '' }, 400, 'Empty'],
    ['/embed', { inputs: ['a', ''] }, 400, 'Empty'],
    ['/embed', { inputs: Array(LIMITS.maxTexts + 1).fill('a') }, 422, 'Validation'],
    ['/embed', { inputs: 'a', truncate: 1 }, 422, 'Validation'],
    ['/embed', { inputs: 'a', truncation_direction: 'Middle' }, 422, 'Validation'],
    ['/embed', { inputs: 'a', prompt_name: 'query' }, 422, 'Validation'],
    ['/embed', { inputs: 'a', dimensions: 0 }, 422, 'Validation'],
    ['/embed', { inputs: 'a', dimensions: 1e9 }, 422, 'Validation'],
    ['/similarity', { inputs: { source_sentence: 'a', sentences: [] } }, 400, 'Empty'],
    ['/similarity', { inputs: 'a' }, 422, 'Validation'],
  ])('%s %j is %i %s', async (path, body, status, error_type) => {
    const { status: got, json } = await post(path, body);
    expect({ got, json }).toEqual({ got: status, json: { error: expect.any(String), error_type } });
  });

  it('/decode refuses ids that the model has not', async () => {
    const { status, json } = await real.post('/decode', { ids: [[1], [4_294_967_295]] });
    expect(status).toBe(422);
    expect(json.error).toContain('ids[1]');
  });

  it.each([
    ['overloaded', 429, 'Overloaded'],
    ['engine_numeric', 500, 'Backend'],
    ['model_unavailable', 503, 'Unhealthy'],
  ] as const)('%s is %i %s', async (code, status, error_type) => {
    const app = appUnderTest(async () => {
      throw new ServiceError(code, 'told');
    });
    expect(await app.post('/embed', { inputs: 'a' })).toMatchObject({ status, json: { error: 'told', error_type } });
  });
});
