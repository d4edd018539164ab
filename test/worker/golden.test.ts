import { env } from 'cloudflare:workers';
import { createHash } from 'node:crypto';
import { describe, expect, inject, it } from 'vitest';
import relaxed from '../../build/kernel-relaxed.wasm';
import simd from '../../build/kernel-simd.wasm';
import { createEmbedder } from '../../src/embedder.ts';
import { assetsSource } from '../../src/shards/assets.ts';
import { loadManifest } from '../../src/shards/manifest.ts';
import { verified } from '../../src/shards/verified.ts';
import micro from '../fixtures/micro-m3/golden.json';
import microPeer from '../fixtures/micro-m3/peer-onnxruntime.json';
import microBin from '../fixtures/micro-m3-bin/golden.json';
import microBinPeer from '../fixtures/micro-m3-bin/peer-onnxruntime.json';
import { digestOf } from '../support/digest.ts';
import { errorsOf, peerErrors } from '../support/fidelity.ts';
import type { GoldenText } from '../support/golden-types.ts';
import type {} from '../support/provided.ts';

const MODELS = [
  { name: 'micro-m3-q8', golden: micro, peer: microPeer.results.int8 },
  { name: 'micro-m3-q4', golden: micro, peer: microPeer.results['nbits4 b32'] },
  { name: 'micro-m3-bin-q8', golden: microBin, peer: microBinPeer.results.int8 },
  { name: 'micro-m3-bin-q4', golden: microBin, peer: microBinPeer.results['nbits4 b32'] },
];

const wait = (ms: number) => scheduler.wait(ms);

async function openModel(name: string) {
  const source = assetsSource(env.ASSETS, name);
  const manifest = await loadManifest(source);
  const shards = verified(source, { files: manifest.files, createDigest: () => createHash('sha256'), wait });
  return createEmbedder({ manifest, shards, kernel: { relaxed, simd }, wait });
}

describe.each(MODELS)('$name in workerd', ({ name, golden, peer }) => {
  const texts = golden.texts as unknown as readonly GoldenText[];
  const embedAll = async () => {
    const embedder = await openModel(name);
    const embeddings = await embedder.embed(
      texts.map(({ text }) => text),
      { dense: true, sparse: true, colbert: true, truncate: true },
    );
    return { embedder, embeddings };
  };

  it('has the fingerprint and the bits of Node', async () => {
    const { embedder, embeddings } = await embedAll();
    expect(embedder.fingerprint).toBe(inject('models')[name]!.fingerprint);
    expect(embeddings.map(digestOf)).toEqual(inject('models')[name]!.digests);
  });

  it("has the reference's ids and the peer's fidelity", async () => {
    const { embedder, embeddings } = await embedAll();
    expect(embeddings.map(({ tokenIds }) => [...tokenIds])).toEqual(texts.map(({ ids }) => ids));
    const errors = errorsOf(texts, embeddings, embedder.manifest.architecture.colbertSize);
    const allowed = peerErrors(peer);
    expect(errors.denseMean).toBeLessThanOrEqual(1.25 * allowed.denseMean);
    expect(errors.denseWorst).toBeLessThanOrEqual(1.5 * allowed.denseWorst);
    expect(errors.colbertMean).toBeLessThanOrEqual(1.25 * allowed.colbertMean);
    expect(errors.colbertWorst).toBeLessThanOrEqual(1.5 * allowed.colbertWorst);
    expect(errors.sparseLargest).toBeLessThanOrEqual(1.25 * allowed.sparseLargest);
  });
});
