import { env } from 'cloudflare:workers';
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { ServiceError } from '../../../src/errors.ts';
import { cached } from '../../../src/shards/cached.ts';
import { memorySource } from '../../../src/shards/memory.ts';
import { r2Source } from '../../../src/shards/r2.ts';
import type { ShardSource } from '../../../src/shards/source.ts';
import { verified } from '../../../src/shards/verified.ts';
import { describeShardSource, LARGE, readAll, type Shards, SMALL, sameBytes } from '../../shards/contract.ts';

const bucket = (env as unknown as { readonly MODELS: R2Bucket }).MODELS;
const wait = (ms: number) => scheduler.wait(ms);
const sha256 = (bytes: Uint8Array) => {
  const digest = createHash('sha256');
  digest.update(bytes);
  return digest.digest('hex');
};
const filesOf = (shards: Shards) =>
  Object.fromEntries([...shards].map(([name, bytes]) => [name, { bytes: bytes.length, sha256: sha256(bytes) }]));
const urlOf = (bytes: Uint8Array) => `https://shards.m3edge.invalid/${sha256(bytes)}`;
const SHARDS: Shards = new Map([
  ['layer-00.bin', LARGE],
  ['heads.bin', SMALL],
]);
const cache = caches.default;

async function inR2(shards: Shards): Promise<ShardSource> {
  for (const [name, bytes] of shards) await bucket.put(`m/${name}`, bytes);
  return r2Source(bucket, (name) => `m/${name}`);
}

/** Copies are under way until these have settled. */
let storing: Promise<unknown>[] = [];
const waitUntil = (stored: Promise<unknown>) => void storing.push(stored);
const stored = () => Promise.all(storing);

/** Counts what is read of storage. */
function counted(source: ShardSource) {
  const reads: string[] = [];
  const readInto: ShardSource['readInto'] = (name, ...rest) => {
    reads.push(name);
    return source.readInto(name, ...rest);
  };
  return { reads, source: { readInto } };
}

beforeEach(async () => {
  await stored(); // a copy that a test gave up may be stored in part, until it is deleted
  storing = [];
  for (const bytes of SHARDS.values()) await cache.delete(urlOf(bytes));
});

describeShardSource('r2Source', inR2);
describeShardSource('cached, empty', async (shards) => {
  for (const bytes of shards.values()) await cache.delete(urlOf(bytes));
  return cached(await inR2(shards), cache, { files: filesOf(shards), waitUntil });
});
describeShardSource('cached, full', async (shards) => {
  const source = cached(await inR2(shards), cache, { files: filesOf(shards), waitUntil });
  for (const name of shards.keys()) await source.readInto(name, () => {});
  await stored();
  return source;
});

describe('r2Source', () => {
  it('says so where R2 fails', async () => {
    const failing = { get: () => Promise.reject(new Error('10001: internal error')) };
    await expect(readAll(r2Source(failing as never, String), 'heads.bin')).rejects.toMatchObject({
      code: 'model_unavailable',
    });
  });
});

describe('cached', () => {
  const overR2 = async (shards = SHARDS) => {
    const { source, reads } = counted(await inR2(shards));
    return { reads, source: cached(source, cache, { files: filesOf(SHARDS), waitUntil }) };
  };
  const withDigest = (source: ShardSource) =>
    verified(source, { files: filesOf(SHARDS), createDigest: () => createHash('sha256'), wait });
  /** A read that may be repeated: what counts is what stands there at the end. */
  const lastRead = async (source: ShardSource) => {
    const bytes = new Uint8Array(LARGE.length);
    await source.readInto('layer-00.bin', (chunk, offset) => bytes.set(chunk, offset));
    return bytes;
  };
  const putCopy = (body: BodyInit) =>
    cache.put(urlOf(LARGE), new Response(body, { headers: { 'cache-control': 'max-age=1000' } }));

  it('asks storage once, and then the cache', async () => {
    const { source, reads } = await overR2();
    await readAll(source, 'layer-00.bin');
    await stored();
    expect(sameBytes(await readAll(source, 'layer-00.bin'), LARGE)).toBe(true);
    expect(reads).toEqual(['layer-00.bin']);
  });

  it('drops a copy that is wrong, and reads storage', async () => {
    const wrong = LARGE.slice();
    wrong[1000]! ^= 1;
    await putCopy(wrong);
    const { source, reads } = await overR2();
    expect(sameBytes(await lastRead(withDigest(source)), LARGE)).toBe(true);
    expect(reads).toEqual(['layer-00.bin']);
    await stored();
    expect(sameBytes(new Uint8Array(await (await cache.match(urlOf(LARGE)))!.arrayBuffer()), LARGE)).toBe(true);
  });

  it.each([
    ['too short', LARGE.slice(0, 1000)],
    ['too long', new Uint8Array(LARGE.length + 1)],
  ])('drops a copy that is %s', async (_, body) => {
    await putCopy(body);
    const { source } = await overR2();
    expect(sameBytes(await lastRead(withDigest(source)), LARGE)).toBe(true);
  });

  it('keeps no copy of what storage has damaged', async () => {
    const wrong = LARGE.slice();
    wrong[LARGE.length - 1]! ^= 1;
    const { source } = await overR2(new Map([['layer-00.bin', wrong]]));
    await expect(lastRead(withDigest(source))).rejects.toMatchObject({ code: 'model_shard_corrupt' });
    await stored();
    expect(await cache.match(urlOf(LARGE))).toBeUndefined();
  });

  it('keeps no copy of what ended early, or was not wanted to the end', async () => {
    const { source } = await overR2(new Map([['layer-00.bin', LARGE.slice(0, 300_000)]]));
    await expect(lastRead(withDigest(source))).rejects.toMatchObject({ code: 'model_unavailable' });
    await stored();
    expect(await cache.match(urlOf(LARGE))).toBeUndefined();
  });

  it('leaves a copy alone when its reader stops for a reason of its own', async () => {
    await putCopy(LARGE);
    const { source, reads } = await overR2();
    const reason = new ServiceError('overloaded', 'the pass gave way');
    const give = () => {
      throw reason;
    };
    await expect(source.readInto('layer-00.bin', give)).rejects.toBe(reason);
    expect(await cache.match(urlOf(LARGE))).toBeDefined();
    expect(reads).toEqual([]);
  });

  const never = new Promise<never>(() => {});
  const refuse = async () => {
    throw new Error('no cache here');
  };
  it.each([
    ['refuses everything', { match: refuse, put: refuse, delete: refuse }],
    ['never answers a lookup', { match: () => never, put: refuse, delete: async () => false }],
    ['takes no copy in', { match: async () => undefined, put: async () => {}, delete: async () => false }],
  ])('is storage alone where the cache %s', async (_, broken) => {
    const source = cached(memorySource(SHARDS), broken, { files: filesOf(SHARDS), waitUntil });
    expect(sameBytes(await readAll(source, 'layer-00.bin'), LARGE)).toBe(true);
  });

  it('holds no more than a chunk for a copy', async () => {
    let taken = 0;
    const slow = {
      match: async () => undefined,
      delete: async () => false,
      async put(_: unknown, response: Response) {
        for await (const chunk of response.body as ReadableStream<Uint8Array>) {
          await wait(2);
          taken += chunk.length;
        }
      },
    };
    const source = cached(memorySource(SHARDS), slow, { files: filesOf(SHARDS), waitUntil });
    let written = 0;
    let ahead = 0;
    await source.readInto('layer-00.bin', (chunk) => {
      written += chunk.length;
      ahead = Math.max(ahead, written - taken);
    });
    await stored();
    expect(taken).toBe(LARGE.length);
    expect(ahead).toBeLessThanOrEqual(3 * 65536);
  });
});
