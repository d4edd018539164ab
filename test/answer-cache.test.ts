import { describe, expect, it } from 'vitest';
import { type AnswerCacheOptions, type AnswerStore, withAnswerCache } from '../src/answer-cache.ts';
import type { Embedding, EmbedOptions } from '../src/embedder.ts';
import { type LayerRunner, WASM_LAYERS } from '../src/engine/layer-runner.ts';
import { packEmbedding, unpackEmbedding } from '../src/packed-embedding.ts';
import { appUnderTest } from './support/call-app.ts';
import { fakeEmbedder } from './support/fake-embedder.ts';
import { memoryCache } from './support/memory-cache.ts';
import { modelDirectory, openModel } from './support/models.ts';

const everything = { dense: true, sparse: true, colbert: true };

/** An embedder behind a cache, and what has been stored once `settle` is over. */
function cachedFake(options: Partial<AnswerCacheOptions> = {}, cache = memoryCache(), fake = fakeEmbedder()) {
  const storing: Promise<unknown>[] = [];
  let hits = 0;
  const embedder = withAnswerCache(fake, cache, {
    tenant: 't',
    waitUntil: (work) => storing.push(work),
    onHits: (texts) => {
      hits += texts;
    },
    ...options,
  });
  const embed = async (texts: readonly string[], wanted: EmbedOptions = everything) => {
    const embeddings = await embedder.embed(texts, wanted);
    await Promise.all(storing);
    return embeddings;
  };
  return { embed, embedder, cache, fake, hits: () => hits };
}

describe('the answer cache', () => {
  it('gives a repeated text without asking the embedder, bit by bit the same', async () => {
    const { embed, fake, hits } = cachedFake();
    const first = await embed(['cat', 'dog!']);
    const calls = fake.calls.length;
    expect(await embed(['dog!', 'cat'])).toEqual(first.toReversed());
    expect(fake.calls.length).toBe(calls);
    expect(hits()).toBe(2);
  });

  it('asks only for the texts that it has not, and keeps their order', async () => {
    const { embed, hits } = cachedFake();
    await embed(['b']);
    const embeddings = await embed(['a', 'b', 'c']);
    expect(embeddings).toEqual(await fakeEmbedder().embed(['a', 'b', 'c'], everything));
    expect(hits()).toBe(1);
  });

  it.each<[string, EmbedOptions]>([
    ['fewer outputs', { dense: true }],
    ['another length', { ...everything, maxTokens: 9 }],
    ['truncation', { ...everything, truncate: true }],
    ['the other side', { ...everything, truncationSide: 'left' }],
    ['another pooling', { ...everything, pooling: 'mean' }],
    ['no normalisation', { ...everything, normalize: false }],
    ['an instruction', { ...everything, instruction: 'q: ' }],
    ['the hidden state', { ...everything, hiddenState: true }],
  ])('keeps %s apart', async (_, options) => {
    const { embed, hits } = cachedFake();
    await embed(['cat']);
    await embed(['cat'], options);
    expect(hits()).toBe(0);
    await embed(['cat'], options);
    expect(hits()).toBe(1);
  });

  it('keeps models and tenants apart: a hit would tell what others have asked', async () => {
    const cache = memoryCache();
    await cachedFake({}, cache).embed(['cat']);
    const others = [
      cachedFake({ tenant: 'u' }, cache),
      cachedFake({}, cache, Object.assign(fakeEmbedder(), { fingerprint: 'fedcba9876543210' })),
    ];
    for (const other of others) {
      await other.embed(['cat']);
      expect(other.hits()).toBe(0);
    }
    expect(cache.answers.size).toBe(3);
  });

  it('has keys that hold no text', async () => {
    const { embed, cache } = cachedFake();
    await embed(['a secret text']);
    for (const key of cache.answers.keys()) {
      expect(key).toMatch(/^https:\/\/answers\.m3edge\.invalid\/[0-9a-f]{64}$/);
    }
  });

  it('refuses what is refused before the first answer, with its place in the request', async () => {
    const { embed, embedder } = cachedFake();
    await embed(['cat']);
    const refused = embedder.embedEach(['cat', 'x'.repeat(600)], everything);
    await expect(refused.next()).rejects.toMatchObject({ code: 'input_too_long', param: 'texts[1]' });
  });

  it('neither looks nor stores for bulk, for what is watched, and for what is streamed', async () => {
    const { embed, cache } = cachedFake();
    await embed(Array.from({ length: 17 }, (_, i) => `text ${i}`));
    await embed(['cat'], { ...everything, onLayer: () => {} });
    expect(cache.answers.size).toBe(0);
    const streaming = Object.assign(fakeEmbedder(), {
      async *embedEach() {
        yield { tokenIds: new Uint32Array(3), truncated: false, colbertBlocks: (async function* () {})() };
      },
    });
    await cachedFake({}, cache, streaming).embed(['cat']);
    expect(cache.answers.size).toBe(0);
  });

  it('stores nothing of more than a megabyte', async () => {
    const large = Object.assign(fakeEmbedder(), {
      async *embedEach() {
        yield { tokenIds: new Uint32Array(3), truncated: false, colbert: new Float32Array(300_000) };
      },
    });
    const { embed, cache } = cachedFake({}, memoryCache(), large);
    await embed(['cat']);
    expect(cache.answers.size).toBe(0);
  });

  it('is no worse than none where it fails, or holds something else', async () => {
    const failing: AnswerStore = {
      match: () => Promise.reject(new Error('down')),
      put: () => Promise.reject(new Error('down')),
    };
    const spoiled: AnswerStore = { match: async () => new Response('{"never":"ours"}'), put: async () => {} };
    for (const store of [failing, spoiled]) {
      const embedder = withAnswerCache(fakeEmbedder(), store, { tenant: 't', waitUntil: () => {} });
      expect(await embedder.embed(['cat'], everything)).toEqual(await fakeEmbedder().embed(['cat'], everything));
    }
  });
});

describe('through the routes', () => {
  const deps = (cache: AnswerStore, storing: Promise<unknown>[]) => ({
    answers: cache,
    waitUntil: (work: Promise<unknown>) => storing.push(work),
  });

  it('a repeat makes no kernel call, in any dialect', async () => {
    let layersRun = 0;
    const counted: LayerRunner = {
      ...WASM_LAYERS,
      run(...args) {
        layersRun++;
        return WASM_LAYERS.run(...args);
      },
    };
    const embedder = await openModel(modelDirectory('micro-m3', 'q8'), { layers: counted });
    const storing: Promise<unknown>[] = [];
    const { post, send } = appUnderTest(async () => embedder, deps(memoryCache(), storing));
    const ask = async () => {
      const answers = [
        await post('/encode', { texts: 'cat', return_sparse: true }),
        await post('/score', { query: 'cat', passages: ['dog', 'cat'] }),
        await post('/v1/embeddings', { model: 'micro-m3', input: ['cat'] }),
        await post('/embed_sparse', { inputs: 'cat' }),
        await post('/v2/rerank', { model: 'micro-m3', query: 'cat', documents: ['dog'] }),
        await post('/ai/run/@cf/baai/bge-m3', { text: 'cat' }),
      ];
      await Promise.all(storing);
      return answers;
    };
    const first = await ask();
    expect(first.map(({ status }) => status)).toEqual(Array(6).fill(200));
    expect(layersRun).toBeGreaterThan(0);
    const before = layersRun;
    const again = await ask();
    expect(layersRun).toBe(before);
    const withoutId = (text: string) => text.replace(/"id":"[0-9a-f-]{36}"/, '');
    expect(again.map(({ text }) => withoutId(text))).toEqual(first.map(({ text }) => withoutId(text)));
    expect(again[0]!.headers.get('server-timing')).toContain('cache;desc="1 of 1 texts"');
    expect((await send('/metrics')).text).toMatch(/\nm3edge_cached_texts [1-9]/);
  });

  it.each(['no-cache', 'no-store, max-age=0'])('cache-control: %s computes anew', async (value) => {
    const fake = fakeEmbedder();
    const storing: Promise<unknown>[] = [];
    const { post } = appUnderTest(async () => fake, deps(memoryCache(), storing));
    await post('/encode', { texts: 'cat' });
    await Promise.all(storing);
    const before = fake.calls.length;
    await post('/encode', { texts: 'cat' }, { 'cache-control': value });
    expect(fake.calls.length).toBe(before + 1);
  });
});

describe('packEmbedding', () => {
  const tokenIds = Uint32Array.of(0, 7, 2);
  it.each<[string, Embedding]>([
    ['nothing but ids', { tokenIds, truncated: true }],
    [
      'all parts',
      {
        tokenIds,
        truncated: false,
        dense: Float32Array.of(0.1, -0.2),
        lexicalWeights: new Map([[7, Math.fround(0.3)]]),
        colbert: Float32Array.of(1, 2, 3),
        hiddenState: Float32Array.of(-0),
      },
    ],
    ['empty parts', { tokenIds, truncated: false, lexicalWeights: new Map(), colbert: new Float32Array(0) }],
  ])('gives back %s', (_, embedding) => {
    expect(unpackEmbedding(packEmbedding(embedding))).toEqual(embedding);
  });

  it('takes nothing else for an embedding', () => {
    const packed = packEmbedding({ tokenIds, truncated: false, dense: Float32Array.of(1, 2) });
    for (const length of [0, 3, 4, 8, packed.byteLength - 4]) {
      expect(unpackEmbedding(packed.slice(0, length))).toBeUndefined();
    }
    expect(unpackEmbedding(new ArrayBuffer(packed.byteLength + 4))).toBeUndefined();
  });
});
