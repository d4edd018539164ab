/**
 * Vector constants that kernels load from memory: V8 builds a constant anew at each use inside a loop, which costs more than a load.
 * Everything here lies below `__heap_base`.
 */

/** Sixteen i16 ones, for pairwise sums by `dot_i16x8_s`. */
export const ONES_I16: usize = memory.data<i16>([1, 1, 1, 1, 1, 1, 1, 1], 16);

/** 1.5 · 2^23: adding it rounds a float of magnitude below 2^22 to the nearest integer, ties to even, into the low mantissa bits. */
export const ROUND_MAGIC: f32 = 12582912.0;
export const ROUND_MAGIC_BITS: i32 = 0x4b400000;
