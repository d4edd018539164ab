// Two instructions whose relaxed forms save V8 a correction. Operands are such that both forms agree.

/** (a · b + 2^14) >> 15 of 16-bit lanes; never are both -2^15. */
// @ts-ignore: decorator
@inline
export function roundingProduct(a: v128, b: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? i16x8.relaxed_q15mulr_s(a, b) : i16x8.q15mulr_sat_s(a, b);
}

/** Bytes by index. An index is below 16, or negative for 0. */
// @ts-ignore: decorator
@inline
export function pick(bytes: v128, indices: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? i8x16.relaxed_swizzle(bytes, indices) : i8x16.swizzle(bytes, indices);
}
