import type { ByteSource } from './byte-source.ts';
import { type Checkpoint, type ElementType, rowLength, type TensorInfo } from './checkpoint.ts';

/** Bytes read at once: large enough that the system call does not count, small enough to stay in the cache. */
const BLOCK_BYTES = 256 * 1024;

export const ELEMENT_BYTES = { F32: 4, F16: 2, BF16: 2 } as const satisfies Record<
  Exclude<ElementType, 'other'>,
  number
>;

/** A tensor and where its first element lies in its file. */
export interface StoredTensor extends TensorInfo {
  readonly begin: number;
}

/** Reads tensors that lie row-major in one little-endian file. */
export function createTensorReader(source: ByteSource, tensors: ReadonlyMap<string, StoredTensor>): Checkpoint {
  const block = new Uint8Array(BLOCK_BYTES);
  return {
    name: source.name,
    tensors,
    readRows(name, startRow, rowCount, into) {
      const tensor = tensors.get(name);
      if (tensor === undefined || tensor.type === 'other')
        throw new RangeError(`${source.name}: no float tensor ${name}`);
      const rows = tensor.shape[0] ?? 1;
      if (startRow < 0 || startRow + rowCount > rows)
        throw new RangeError(`${name}: rows ${startRow}+${rowCount} of ${rows}`);
      const width = rowLength(tensor.shape);
      const elementBytes = ELEMENT_BYTES[tensor.type];
      const elementsPerBlock = BLOCK_BYTES / elementBytes;
      const count = rowCount * width;
      const begin = tensor.begin + startRow * width * elementBytes;
      for (let done = 0; done < count; done += elementsPerBlock) {
        const elements = Math.min(elementsPerBlock, count - done);
        source.read(begin + done * elementBytes, block.subarray(0, elements * elementBytes));
        decode(tensor.type, block, elements, into.subarray(done, done + elements));
      }
    },
    close: () => source.close(),
  };
}

function decode(type: keyof typeof ELEMENT_BYTES, block: Uint8Array, count: number, into: Float32Array): void {
  if (type === 'F32') {
    into.set(new Float32Array(block.buffer, 0, count));
    return;
  }
  const halves = new Uint16Array(block.buffer, 0, count);
  if (type === 'F16') {
    halfTable ??= createHalfTable();
    for (let i = 0; i < count; i++) into[i] = halfTable[halves[i]!]!;
  } else {
    const bits = new Uint32Array(into.buffer, into.byteOffset, count);
    for (let i = 0; i < count; i++) bits[i] = halves[i]! << 16; // bfloat16 is float32's upper half
  }
}

let halfTable: Float32Array | undefined;

/** All 65,536 float16 values: IEEE 754 binary16, 1 sign, 5 exponent (bias 15) and 10 fraction bits. */
function createHalfTable(): Float32Array {
  const table = new Float32Array(0x10000);
  for (let bits = 0; bits < 0x10000; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    let magnitude = (1024 + fraction) * 2 ** (exponent - 25);
    if (exponent === 0) magnitude = fraction * 2 ** -24;
    if (exponent === 31) magnitude = fraction === 0 ? Infinity : NaN;
    table[bits] = bits & 0x8000 ? -magnitude : magnitude;
  }
  return table;
}
