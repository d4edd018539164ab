/**
 * Vector constants that kernels load from memory: V8 builds a constant anew at each use inside a loop, which costs several instructions,
 * and a load from a fixed address below the memory's initial size needs no bounds check. All of it lies below `__heap_base`.
 */

/** Eight i16 ones, for pairwise sums by `dot_i16x8_s`. */
export const ONES_I16: usize = memory.data<i16>([1, 1, 1, 1, 1, 1, 1, 1], 16);

/** Bits 4 to 7, 8 to 11 and 11 to 14 of each 16-bit lane. */
export const BITS_4: usize = memory.data<u16>([0x00f0, 0x00f0, 0x00f0, 0x00f0, 0x00f0, 0x00f0, 0x00f0, 0x00f0], 16);
export const BITS_8: usize = memory.data<u16>([0x0f00, 0x0f00, 0x0f00, 0x0f00, 0x0f00, 0x0f00, 0x0f00, 0x0f00], 16);
export const BITS_11: usize = memory.data<u16>([0x7800, 0x7800, 0x7800, 0x7800, 0x7800, 0x7800, 0x7800, 0x7800], 16);

/** 1.5 · 2^23: adding it rounds a float of magnitude below 2^22 to the nearest integer, ties to even, into the low mantissa bits. */
const MAGIC: f32 = 12582912.0;
export const ROUND_MAGIC: usize = memory.data<f32>([MAGIC, MAGIC, MAGIC, MAGIC], 16);
/** The same bits, to be subtracted as integers. */
export const ROUND_MAGIC_BITS: usize = memory.data<i32>([0x4b400000, 0x4b400000, 0x4b400000, 0x4b400000], 16);

/** Nearest integers, ties to even, of floats of magnitude below 2^22. */
// @ts-ignore: decorator
@inline
export function roundToI32(x: v128, magic: v128, magicBits: v128): v128 {
  return i32x4.sub(f32x4.add(x, magic), magicBits);
}
