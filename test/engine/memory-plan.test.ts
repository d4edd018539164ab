import { describe, expect, it } from 'vitest';
import { type MemoryPlan, type ModelSizes, planMemory } from '../../src/engine/memory-plan.ts';
import { planEmbeddingsLayout, planHeadsLayout, planLayerLayout } from '../../src/format/layout.ts';
import { LIMITS } from '../../src/limits.ts';

const MiB = 2 ** 20;
const architecture = {
  vocabularySize: 250002,
  hiddenSize: 1024,
  intermediateSize: 4096,
  layerCount: 24,
  headCount: 16,
  positionCount: 8194,
  positionOffset: 2,
  maxTokens: 8192,
  layerNormEpsilon: 1e-5,
  colbertSize: 1024,
};
const sizesOf = (type: 'u7' | 'u4g32'): ModelSizes => ({
  architecture,
  embeddingsBytes: planEmbeddingsLayout(architecture).byteLength,
  headsBytes: planHeadsLayout(architecture).byteLength,
  words: { pageBytes: 65_792, pageCount: 3907 },
  positions: { pageBytes: 131_328, pageCount: 129 },
  layerBytes: planLayerLayout(architecture, { qkv: type, attentionOutput: type, intermediate: type, output: type })
    .byteLength,
});
const REGIONS = [
  'embeddings',
  'heads',
  'pages',
  'maxSim',
  'slots',
  'hidden',
  'keys',
  'values',
  'keyScales',
  'activations',
  'rowScales',
  'wide',
  'context',
  'attentionScratch',
  'panelScratch',
  'rowValues',
] as const satisfies (keyof MemoryPlan)[];

describe('planMemory', () => {
  it.each(['u7', 'u4g32'] as const)('fits a text of 8,192 tokens of BGE-M3 into the default budget, %s', (type) => {
    const plan = planMemory(sizesOf(type), 16384, LIMITS.planBytes, [8192]);
    expect(plan.totalBytes).toBeLessThanOrEqual(LIMITS.planBytes);
    expect(plan.slotCount).toBeGreaterThanOrEqual(2);
  });

  it('gives what a short pass leaves to more encoder layers', () => {
    const short = planMemory(sizesOf('u4g32'), 16384, LIMITS.planBytes, [16]);
    const long = planMemory(sizesOf('u4g32'), 16384, LIMITS.planBytes, [4096]);
    expect(short.slotCount).toBeGreaterThan(long.slotCount);
    expect(short.totalBytes).toBeGreaterThan(LIMITS.planBytes - short.slotBytes);
  });

  it('lays regions one after another, aligned to 64 bytes', () => {
    const plan = planMemory(sizesOf('u7'), 15_648, LIMITS.planBytes, [1, 17, 300]);
    const starts = REGIONS.map((name) => plan[name]);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
    for (const start of starts) expect(start % 64).toBe(0);
    expect(plan.hidden).toBe(plan.slots + plan.slotCount * plan.slotBytes);
  });

  it('refuses by name what cannot fit, before anything is read', () => {
    expect(() => planMemory(sizesOf('u7'), 16384, 40 * MiB, [8192])).toThrow(
      /a pass of 8192 tokens needs \d+ bytes of memory, the budget is 41943040/,
    );
  });
});
