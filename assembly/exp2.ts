/** Coefficients of 2^x on ±1/2, highest power first, then -126: four of each. From `scripts/fit-kernels.ts`. */
const C4: f32 = 0.009570105001330376;
const C3: f32 = 0.05591785907745361;
const C2: f32 = 0.240247443318367;
const C1: f32 = 0.6931217908859253;
const C0: f32 = 0.9999992847442627;
const EXP2: usize = memory.data<f32>(
  [C4, C4, C4, C4, C3, C3, C3, C3, C2, C2, C2, C2, C1, C1, C1, C1, C0, C0, C0, C0, -126, -126, -126, -126],
  16,
);

/**
 * 2^x for x ≤ 0 in float32, relative error 3e-6: the integer part goes into the exponent, the rest through a polynomial. Below -126 it gives
 * 2^-126.
 */
// @ts-ignore: decorator
@inline
export function exp2(x: v128, magic: v128): v128 {
  const clamped = f32x4.pmax(x, v128.load(EXP2, 80));
  const shifted = f32x4.add(clamped, magic);
  const fraction = f32x4.sub(clamped, f32x4.sub(shifted, magic));
  let p = f32x4.add(f32x4.mul(v128.load(EXP2), fraction), v128.load(EXP2, 16));
  p = f32x4.add(f32x4.mul(p, fraction), v128.load(EXP2, 32));
  p = f32x4.add(f32x4.mul(p, fraction), v128.load(EXP2, 48));
  p = f32x4.add(f32x4.mul(p, fraction), v128.load(EXP2, 64));
  return i32x4.add(p, i32x4.shl(shifted, 23));
}
