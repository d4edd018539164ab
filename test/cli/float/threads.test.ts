import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createThreadedMultiplyAdd, type MultiplyAdd } from '../../../cli/float/threads.ts';
import { createRandom, normals } from '../../support/wasm-arena.ts';

const module = new WebAssembly.Module(readFileSync(new URL('../../../build/float.wasm', import.meta.url)));
const [ROW_GROUPS, PANELS, STEPS] = [32, 61, 512];

describe('createThreadedMultiplyAdd', () => {
  it('gives the same bits with three workers as without, from before they have started to long after', async () => {
    const memory = new WebAssembly.Memory({ initial: 256, maximum: 256, shared: true });
    const { multiplyAdd } = new WebAssembly.Instance(module, { env: { memory } }).exports as {
      multiplyAdd: MultiplyAdd;
    };
    const [a, b, out] = [1 << 16, 1 << 20, 1 << 22];
    const floats = (address: number, count: number) => new Float32Array(memory.buffer, address, count);
    const random = createRandom(3);
    floats(a, 4 * ROW_GROUPS * STEPS).set(normals(random, 4 * ROW_GROUPS * STEPS));
    floats(b, 8 * PANELS * STEPS).set(normals(random, 8 * PANELS * STEPS));
    const result = (multiply: MultiplyAdd) => {
      floats(out, 32 * ROW_GROUPS * PANELS).fill(1);
      multiply(ROW_GROUPS, PANELS, STEPS, a, 16, 16 * STEPS, b, out, 32 * PANELS);
      return Buffer.from(floats(out, 32 * ROW_GROUPS * PANELS).slice().buffer);
    };
    const alone = result(multiplyAdd);
    const threaded = createThreadedMultiplyAdd(module, memory, multiplyAdd, 3);
    for (let i = 0; i < 30; i++) {
      expect(result(threaded).equals(alone)).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });
});
