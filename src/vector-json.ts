import { float32Json, shortestFloat32 } from './float32-text.ts';

/** How a vector is printed; README.md and docs/api.md describe each. */
export const VECTOR_ENCODINGS = ['float', 'base64', 'int8', 'binary'] as const;
export type VectorEncoding = (typeof VECTOR_ENCODINGS)[number];

/** `values[start..end)` as JSON. */
export function vectorJson(values: Float32Array, encoding: VectorEncoding, start = 0, end = values.length): string {
  if (encoding === 'float') return float32Json(values, start, end);
  const vector = values.subarray(start, end);
  switch (encoding) {
    case 'base64':
      return `"${base64(littleEndian(vector))}"`;
    case 'int8': {
      const { scale, codes } = quantiseInt8(vector);
      return `{"scale":${shortestFloat32(scale)},"data":"${base64(codes)}"}`;
    }
    case 'binary':
      return `"${base64(signBits(vector))}"`;
  }
}

/** The floats' own memory: whatever runs WebAssembly has little-endian arrays. */
const littleEndian = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

/**
 * Symmetric: value ≈ scale · code, codes within ±127.
 *
 * @returns `scale` a float32; 0 for a vector of zeros.
 */
export function quantiseInt8(vector: Float32Array): { scale: number; codes: Int8Array } {
  const largest = vector.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scale = Math.fround(largest / 127);
  const codes = Int8Array.from(vector, (value) => (scale === 0 ? 0 : clamp127(Math.round(value / scale))));
  return { scale, codes };
}

/** A scale rounded down to a float32 would let the largest value reach 128. */
const clamp127 = (code: number): number => Math.max(-127, Math.min(127, code));

/** One bit a dimension, 1 where the value is above 0, most significant bit first, as NumPy's `packbits(vector > 0)`. */
export function signBits(vector: Float32Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(vector.length / 8));
  vector.forEach((value, i) => {
    if (value > 0) bytes[i >> 3]! |= 0x80 >> (i & 7);
  });
  return bytes;
}

/** ECMAScript 2026: in workerd, not yet in Node 24. */
type WithToBase64 = Uint8Array & { toBase64?(): string };

/** Of at most some 32 KB: without `toBase64` a vector's bytes pass as arguments, which leaves eight times their size as garbage. */
function base64(array: Uint8Array | Int8Array): string {
  const bytes: WithToBase64 = new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
  return bytes.toBase64?.() ?? btoa(String.fromCharCode(...bytes));
}
