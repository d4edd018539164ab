import { createKernel, type DotPath, type Kernel, WASM_PAGE_BYTES } from '../../src/kernel/kernel.ts';
import { KERNEL_MODULES } from './kernel-modules.ts';

type Values = Float32Array | Int8Array | Uint8Array | Int16Array;

/** A kernel with memory to put arrays into and read them from. */
export interface Arena {
  readonly kernel: Kernel;
  /** Copies the array to a fresh 64-byte aligned address. */
  put(values: Values): number;
  /** A fresh region filled with `fill`, so that what a kernel leaves unwritten shows. */
  room(bytes: number, fill?: number): number;
  floats(address: number, count: number): Float32Array;
  bytes(address: number, count: number): Uint8Array;
}

export function createArena(dotPath?: DotPath, pages = 512): Arena {
  const kernel = createKernel(KERNEL_MODULES, pages * WASM_PAGE_BYTES, dotPath);
  kernel.memory.grow(pages - 1);
  const { buffer } = kernel.memory;
  let end = Math.ceil(kernel.heapBase() / 64) * 64;
  const room = (bytes: number, fill = 0xff): number => {
    const start = end;
    end = Math.ceil((start + bytes) / 64) * 64;
    new Uint8Array(buffer, start, bytes).fill(fill);
    return start;
  };
  return {
    kernel,
    room,
    put(values) {
      const start = room(values.byteLength);
      new Uint8Array(buffer, start).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      return start;
    },
    floats: (address, count) => new Float32Array(buffer, address, count).slice(),
    bytes: (address, count) => new Uint8Array(buffer, address, count).slice(),
  };
}

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Standard normal numbers. */
export function normals(random: () => number, count: number, scale = 1): Float32Array {
  return Float32Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return scale * radius * Math.cos(2 * Math.PI * random());
  });
}

export const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let largest = a.length === b.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(largest, difference);
  }
  return largest;
};
