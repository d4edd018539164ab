import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createSyntheticModel } from '../bench/model.ts';
import { createEncoder } from '../src/engine/encoder.ts';
import { HEADS_FILE, planHeadsLayout } from '../src/format/layout.ts';
import { NUMERICS_VERSION } from '../src/format/numerics.ts';
import { createHeads } from '../src/heads/heads.ts';
import { createKernel, DOT_PATHS } from '../src/kernel/kernel.ts';
import { LIMITS } from '../src/limits.ts';
import { type ScoredText, scorePair } from '../src/scoring/scoring.ts';
import { memorySource } from '../src/shards/memory.ts';
import { KERNEL_MODULES } from './support/kernel-modules.ts';
import { createRandom } from './support/wasm-arena.ts';

const ARCHITECTURE = {
  vocabularySize: 500,
  hiddenSize: 192,
  intermediateSize: 384,
  layerCount: 2,
  headCount: 6,
  positionCount: 600,
  positionOffset: 2,
  maxTokens: 598,
  layerNormEpsilon: 1e-5,
  colbertSize: 64,
};

/**
 * sha256 over the outputs of a model whose files follow from a seed alone. A commit that changes one of them changes the numbers of every model
 * in use: it raises NUMERICS_VERSION, and writes the new digests here.
 */
const PINNED = {
  version: 2,
  q8: 'e580bb80b36814bc055c11d8c9324971de73aadbff46c4e12ab4126c73a9cd19',
  q4: 'eec838eeffe1da14aa84c143aad4f9f2e8c5c5cdcfbd0ef17f0b6cdbbef7f9f5',
};

/** Not powers of two, so that every product and every sum is rounded. */
function fillHeads(bytes: Uint8Array<ArrayBuffer>): void {
  const random = createRandom(1);
  const { sparseWeight, sparseBias, colbertWeights, colbertScale, colbertBias } = planHeadsLayout(ARCHITECTURE);
  const { hiddenSize, colbertSize } = ARCHITECTURE;
  const fill = (offset: number, count: number) => {
    const values = new Float32Array(bytes.buffer, bytes.byteOffset + offset, count);
    for (let i = 0; i < count; i++) values[i] = 0.1 * random();
  };
  fill(sparseWeight, hiddenSize);
  fill(sparseBias, 1);
  for (let i = 0; i < colbertSize * hiddenSize; i++) bytes[colbertWeights + i] = 256 * random();
  fill(colbertScale, colbertSize);
  fill(colbertBias, colbertSize);
}

/** Texts of one, of many and of more than 512 tokens: attention takes keys in blocks of 512. */
const TEXTS = [1, 37, 530].map((tokens) => Uint32Array.from({ length: tokens }, (_, i) => (i * 7919 + tokens) % 500));

async function digestOfOutputs(preset: 'q8' | 'q4', dotPath: (typeof DOT_PATHS)[number]): Promise<string> {
  const { manifest, files } = createSyntheticModel(preset, ARCHITECTURE);
  fillHeads(files.get(HEADS_FILE)!);
  const { planBytes } = LIMITS;
  const kernel = createKernel(KERNEL_MODULES, planBytes, dotPath);
  const wait = () => new Promise<void>((resolve) => setImmediate(resolve));
  const encoded = await createEncoder({ manifest, shards: memorySource(files), kernel, planBytes, wait }).encode(TEXTS);
  const heads = createHeads(kernel, manifest);
  const digest = createHash('sha256');
  const texts: ScoredText[] = [];
  for (const span of encoded.pass.spans) {
    const dense = heads.dense(encoded, span, 'cls', true);
    const lexicalWeights = heads.sparse(encoded, span);
    const rows: number[] = [];
    for await (const block of heads.colbertBlocks(encoded, span)) rows.push(...block);
    const colbert = Float32Array.from(rows);
    texts.push({ dense, lexicalWeights, colbert });
    digest.update(dense).update(colbert);
    digest.update(Float64Array.from([...lexicalWeights].flat()));
  }
  const scores = texts.flatMap((query) =>
    texts.flatMap((passage) => Object.values(scorePair(query, passage, ARCHITECTURE.colbertSize))),
  );
  return digest.update(Float64Array.from(scores)).digest('hex');
}

describe('the numbers', () => {
  describe.each(DOT_PATHS)('on the %s path', (path) => {
    it.each(['q8', 'q4'] as const)('are those of NUMERICS_VERSION, %s', async (preset) => {
      const { version, [preset]: pinned } = PINNED;
      const got = { version: NUMERICS_VERSION, digest: await digestOfOutputs(preset, path) };
      expect(got, 'other bits than before: raise NUMERICS_VERSION').toEqual({ version, digest: pinned });
    });
  });
});
