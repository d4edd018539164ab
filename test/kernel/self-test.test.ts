import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createKernel, DOT_PATHS, type Kernel } from '../../src/kernel/kernel.ts';
import { createCheckedKernel, SELF_TEST_CHECKSUM, selfTest } from '../../src/kernel/self-test.ts';
import { KERNEL_MODULES } from '../support/kernel-modules.ts';

const MEMORY_BYTES = 2 ** 20;

/** A module whose exponentials have another base: a runtime that miscompiles. */
function wrongModule(): WebAssembly.Module {
  const bytes = readFileSync(new URL('../../build/kernel-simd.wasm', import.meta.url));
  const log2e = Buffer.from(Float32Array.of(Math.LOG2E).buffer, 0, 3); // times a power of two: without its exponent
  const at = bytes.indexOf(log2e);
  expect(at).toBeGreaterThan(0);
  bytes[at + 2]! ^= 0x40;
  return new WebAssembly.Module(bytes);
}

describe('selfTest', () => {
  it.each(DOT_PATHS)('gives its checksum on the %s path, and leaves the memory as it was', (path) => {
    const kernel = createKernel(KERNEL_MODULES, MEMORY_BYTES, path);
    expect(selfTest(kernel), 'other bits: CONTRIBUTING.md says what to do').toBe(SELF_TEST_CHECKSUM);
    expect(selfTest(kernel)).toBe(SELF_TEST_CHECKSUM);
    expect(new Uint8Array(kernel.memory.buffer, kernel.heapBase()).every((byte) => byte === 0)).toBe(true);
  });

  it.each([
    'quantizeRows',
    'gemm',
    'storeKeysValues',
    'attention',
    'gelu',
    'addLayerNorm',
    'gemmF32',
    'unitRows',
  ] as const satisfies (keyof Kernel)[])('gives another one where %s does nothing', (name) => {
    const kernel = createKernel(KERNEL_MODULES, MEMORY_BYTES);
    expect(selfTest({ ...kernel, [name]: () => {} })).not.toBe(SELF_TEST_CHECKSUM);
  });
});

describe('fault A17: createCheckedKernel', () => {
  it('takes the best path where it computes right', () => {
    const { dotPath } = createKernel(KERNEL_MODULES, MEMORY_BYTES);
    expect(createCheckedKernel(KERNEL_MODULES, MEMORY_BYTES).dotPath).toBe(dotPath);
  });

  it('does without relaxed SIMD where that computes wrong', () => {
    const kernel = createCheckedKernel({ relaxed: wrongModule(), simd: KERNEL_MODULES.simd }, MEMORY_BYTES);
    expect(selfTest(kernel)).toBe(SELF_TEST_CHECKSUM);
  });

  it('refuses a runtime that computes wrong without it, too', () => {
    const modules = { relaxed: wrongModule(), simd: wrongModule() };
    expect(() => createCheckedKernel(modules, MEMORY_BYTES)).toThrow(
      expect.objectContaining({ code: 'engine_numeric', message: expect.stringMatching(/compute other numbers/) }),
    );
  });
});
