import { describe, expect, it } from 'vitest';
import { memorySource } from '../../../src/shards/memory.ts';
import { objectKey } from '../../../src/shards/object-key.ts';
import { openStorage, type StorageBindings, withCache } from '../../../src/shards/storage.ts';
import { readAll, SMALL } from '../../shards/contract.ts';

const DIGEST = 'ab'.repeat(32);
const FILES = { 'heads.bin': { bytes: SMALL.length, sha256: DIGEST } };
const asked: string[] = [];
const answer = async (url: string) => {
  asked.push(url);
  return new Response(SMALL);
};
const bucket = {
  async get(key: string) {
    asked.push(key);
    return { body: new Response(SMALL).body };
  },
} as unknown as NonNullable<StorageBindings['bucket']>;
const bindings: StorageBindings = { assets: { fetch: answer }, bucket, fetch: answer };

async function keysOf(place: string): Promise<string[]> {
  asked.length = 0;
  const storage = openStorage(place, bindings);
  await readAll(storage.manifest, 'manifest.json');
  await readAll(storage.shards(FILES), 'heads.bin');
  return [...asked];
}

describe('openStorage', () => {
  it.each([
    ['assets', ['https://assets.invalid/model/manifest.json', 'https://assets.invalid/model/heads.bin']],
    ['https://host/m', ['https://host/m/manifest.json', 'https://host/m/heads.bin']],
    ['http://host:1/', ['http://host:1/manifest.json', 'http://host:1/heads.bin']],
    ['r2:bge-m3', ['bge-m3/manifest.json', `sha256/${DIGEST}`]],
  ])('finds the files of %s', async (place, keys) => {
    expect(await keysOf(place)).toEqual(keys);
  });

  it.each(['', 'r2', 'ftp://host/', 'https://host/m?token=1', 'model'])(
    'refuses %j and says what there is',
    (place) => {
      expect(() => openStorage(place, bindings)).toThrow(/MODEL_SOURCE must be assets, r2:NAME, or a URL/);
    },
  );

  it('says which binding is missing', () => {
    expect(() => openStorage('r2:m', { ...bindings, bucket: undefined })).toThrow(/no bucket is bound as MODELS/);
  });
});

describe('objectKey', () => {
  it('gives a revised shard a key of its own, and the manifest the one it had', () => {
    const revised = { 'heads.bin': { bytes: SMALL.length, sha256: 'cd'.repeat(32) } };
    expect(objectKey('m', 'heads.bin', revised)).not.toBe(objectKey('m', 'heads.bin', FILES));
    expect(objectKey('m', 'manifest.json', revised)).toBe(objectKey('m', 'manifest.json', FILES));
  });
});

describe('withCache', () => {
  it('never keeps the manifest', async () => {
    const source = memorySource(new Map([['manifest.json', SMALL]]));
    const cache = new Proxy({} as Cache, {
      get: () => () => {
        throw new Error('the cache was asked');
      },
    });
    const storage = withCache({ manifest: source, shards: () => source }, cache, () => {});
    expect(await readAll(storage.manifest, 'manifest.json')).toEqual(SMALL);
  });
});
