import { readFileSync } from 'node:fs';
import { createThreadedMultiplyAdd, type MultiplyAdd } from './threads.ts';

/** Addresses and strides are in bytes. Contracts stand at each function in `assembly/float/`. */
interface FloatExports {
  heapBase(): number;
  packRows(x: number, stride: number, rows: number, k: number, width: number, factor: number, out: number): void;
  packColumns(
    x: number,
    stride: number,
    steps: number,
    columns: number,
    width: number,
    shift: number,
    out: number,
  ): void;
  multiplyAdd: MultiplyAdd;
  roundRows(x: number, rows: number, k: number, out: number): void;
  softmaxRows(x: number, stride: number, rows: number, count: number): void;
  subtract(x: number, y: number, count: number): void;
  gelu(x: number, count: number): void;
  addLayerNorm(
    x: number,
    delta: number,
    rows: number,
    width: number,
    weight: number,
    bias: number,
    epsilon: number,
  ): void;
  unitRows(x: number, rows: number, width: number): void;
  allFinite(x: number, count: number): number;
  meanRows(x: number, rows: number, width: number, out: number): void;
  rowDots(x: number, rows: number, width: number, weight: number, bias: number, out: number): void;
}

/** Row-major float32 in the kernel's memory, with room for whole groups of four rows. */
export interface Matrix {
  /** Bytes, 64-byte aligned unless it is a part of another matrix. */
  readonly address: number;
  readonly rows: number;
  readonly columns: number;
  /** Bytes from a row to the next. */
  readonly stride: number;
}

export interface FloatKernel extends Readonly<FloatExports> {
  /** Bytes that hold anything, until the `scope` they were taken in ends. */
  allocate(bytes: number): number;
  /** A matrix of zeros, until the `scope` it was made in ends. */
  matrix(rows: number, columns: number): Matrix;
  /** Its values, row after row; only of a matrix whose rows lie side by side. */
  values(matrix: Matrix): Float32Array;
  /** Runs `work` and takes back all that it allocated. */
  scope<T>(work: () => T): T;
}

const PAGE_BYTES = 65536;
const MAXIMUM_PAGES = 65536;
const ALIGNMENT = 64;
const F32 = 4;

let module: WebAssembly.Module | undefined;

/** @throws RangeError, later, from `matrix` where memory ends. */
export function createFloatKernel(): FloatKernel {
  module ??= new WebAssembly.Module(readFileSync(new URL('../../build/float.wasm', import.meta.url)));
  const memory = new WebAssembly.Memory({ initial: 1, maximum: MAXIMUM_PAGES, shared: true });
  const exports = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as FloatExports;
  let end = alignUp(exports.heapBase());

  const allocate = (bytes: number): number => {
    const address = end;
    end = alignUp(address + bytes);
    const missing = end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
    return address;
  };
  return {
    ...exports,
    multiplyAdd: createThreadedMultiplyAdd(module, memory, exports.multiplyAdd),
    allocate,
    matrix(rows, columns) {
      const count = Math.ceil(rows / 4) * 4 * columns;
      const address = allocate(F32 * count);
      new Float32Array(memory.buffer, address, count).fill(0);
      return { address, rows, columns, stride: F32 * columns };
    },
    values({ address, rows, columns, stride }) {
      if (rows > 1 && stride !== F32 * columns) throw new RangeError('the rows of this matrix do not lie side by side');
      return new Float32Array(memory.buffer, address, rows * columns);
    },
    scope(work) {
      const before = end;
      try {
        return work();
      } finally {
        end = before;
      }
    },
  };
}

const alignUp = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
