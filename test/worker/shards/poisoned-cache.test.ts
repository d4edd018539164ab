import { env } from 'cloudflare:workers';
import { createHash } from 'node:crypto';
import { expect, inject, it } from 'vitest';
import relaxed from '../../../build/kernel-relaxed.wasm';
import simd from '../../../build/kernel-simd.wasm';
import { createEmbedder } from '../../../src/embedder.ts';
import type { FileEntry } from '../../../src/format/manifest.ts';
import { loadManifest } from '../../../src/shards/manifest.ts';
import { openStorage, withCache } from '../../../src/shards/storage.ts';
import { verified } from '../../../src/shards/verified.ts';
import golden from '../../fixtures/micro-m3/golden.json';
import { digestOf } from '../../support/digest.ts';
import type {} from '../../support/provided.ts';

const cache = caches.default;
const wait = (ms: number) => scheduler.wait(ms);
const urlOf = ({ sha256 }: FileEntry) => `https://shards.m3edge.invalid/${sha256}`;

/** Of the golden ones; each page that they touch is an entry of the cache. */
const TEXTS = 6;

/** A new isolate's state over the staged model, micro-m3 in q8, behind the cache. */
async function openCached(retried: string[] = []) {
  const storing: Promise<unknown>[] = [];
  const bindings = { assets: env.ASSETS as never, bucket: undefined, fetch: undefined as never };
  const storage = withCache(openStorage('assets', bindings), cache, (stored) => void storing.push(stored));
  const manifest = await loadManifest(storage.manifest);
  const shards = verified(storage.shards(manifest.files), {
    files: manifest.files,
    createDigest: () => createHash('sha256'),
    wait,
    onRetry: (name) => retried.push(name),
  });
  const embedder = await createEmbedder({ manifest, shards, kernel: { relaxed, simd }, wait });
  const texts = golden.texts.slice(0, TEXTS).map(({ text }) => text);
  const embeddings = await embedder.embed(texts, { dense: true, sparse: true, colbert: true, truncate: true });
  await Promise.all(storing);
  return { files: manifest.files, digests: embeddings.map(digestOf) };
}

it('A15: a cache that holds wrong bytes for every layer is put right, and no vector differs', async () => {
  const expected = inject('models')['micro-m3-q8']!.digests.slice(0, TEXTS);
  const { files, digests } = await openCached();
  expect(digests).toEqual(expected);
  const layers = Object.keys(files).filter((name) => name.startsWith('layer-'));
  for (const name of layers) {
    const bytes = new Uint8Array(await (await cache.match(urlOf(files[name]!)))!.arrayBuffer());
    bytes[100]! ^= 1;
    await cache.put(urlOf(files[name]!), new Response(bytes, { headers: { 'cache-control': 'max-age=1000' } }));
  }

  const retried: string[] = [];
  expect((await openCached(retried)).digests).toEqual(expected);
  expect(retried.sort()).toEqual(layers.sort());

  const again: string[] = [];
  expect((await openCached(again)).digests).toEqual(expected);
  expect(again).toEqual([]);
});
