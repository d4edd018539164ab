import { describe, expect, it } from 'vitest';
import { createKernel, DOT_PATHS, WASM_PAGE_BYTES } from '../../src/kernel/kernel.ts';
import { createMaxSim, maxSimBytes } from '../../src/kernel/max-sim.ts';
import { bestDots } from '../../src/kernel/scalar.ts';
import { maxSim } from '../../src/scoring/scoring.ts';
import { KERNEL_MODULES } from '../support/kernel-modules.ts';
import { createArena, createRandom, normals } from '../support/wasm-arena.ts';

describe.each(DOT_PATHS)('bestDots on the %s path', (path) => {
  it.each([
    { queryRows: 1, passageRows: 1, width: 4 },
    { queryRows: 3, passageRows: 2, width: 8 },
    { queryRows: 4, passageRows: 4, width: 64 },
    { queryRows: 9, passageRows: 7, width: 36 },
    { queryRows: 13, passageRows: 5, width: 1024 },
  ])("has the scalar twin's bits: $queryRows query rows, $passageRows passage rows of $width numbers", (shape) => {
    const { queryRows, passageRows, width } = shape;
    const random = createRandom(queryRows);
    const [queries, passages] = [normals(random, queryRows * width), normals(random, passageRows * width)];
    const arena = createArena(path, 16);
    const rows = Math.ceil(queryRows / 4) * 4;
    const [queryAddress, panel, best] = [arena.room(8 * rows * width), arena.room(32 * width), arena.room(16 * rows)];
    const doubles = new Float64Array(arena.kernel.memory.buffer);
    doubles.set(queries, queryAddress / 8);
    doubles.fill(Number.NEGATIVE_INFINITY, best / 8, best / 8 + 2 * rows);
    for (let row = 0; row < passageRows; row += 4) {
      const count = Math.min(4, passageRows - row);
      const address = arena.put(passages.slice(row * width, (row + count) * width));
      arena.kernel.bestDots(queryAddress, queryRows, width, address, count, panel, best);
    }
    const found = Array.from({ length: queryRows }, (_, row) =>
      Math.max(...doubles.subarray(best / 8 + 2 * row, best / 8 + 2 * row + 2)),
    );
    expect(found).toEqual(bestDots(queries, passages, width));
  });
});

describe('createMaxSim', () => {
  const width = 64;
  const { kernel, room } = createArena(undefined, 16);
  const address = room(maxSimBytes(width));
  const end = address + maxSimBytes(width);
  const kernelMaxSim = createMaxSim(kernel, address, width);

  it.each([
    [1, 1],
    [31, 6],
    [32, 4],
    [33, 9],
    [100, 257],
  ])(
    "has maxSim's bits with %i query and %i passage tokens, whatever was there before",
    (queryTokens, passageTokens) => {
      const random = createRandom(queryTokens);
      const [query, passage] = [normals(random, queryTokens * width), normals(random, passageTokens * width)];
      expect(kernelMaxSim(query, passage)).toBe(maxSim(query, passage, width));
    },
  );

  it('keeps to its own bytes', () => {
    const bytes = new Uint8Array(kernel.memory.buffer);
    bytes.fill(0x5a);
    const random = createRandom(1);
    kernelMaxSim(normals(random, 70 * width), normals(random, 70 * width));
    expect(bytes.subarray(0, address).every((byte) => byte === 0x5a)).toBe(true);
    expect(bytes.subarray(end).every((byte) => byte === 0x5a)).toBe(true);
  });

  it('is 0 where either side has no tokens', () => {
    const row = normals(createRandom(2), width);
    expect([kernelMaxSim(new Float32Array(0), row), kernelMaxSim(row, new Float32Array(0))]).toEqual([0, 0]);
  });

  it('grows the memory where no pass has before, as far as it may', () => {
    const row = normals(createRandom(2), width);
    const fresh = createKernel(KERNEL_MODULES, 4 * WASM_PAGE_BYTES);
    const afterFirstPage = createMaxSim(fresh, WASM_PAGE_BYTES, width);
    expect(afterFirstPage(row, row)).toBe(maxSim(row, row, width));
    const tooFar = createMaxSim(fresh, 4 * WASM_PAGE_BYTES, width);
    expect(() => tooFar(row, row)).toThrow('wasm memory cannot grow');
  });
});
