/**
 * Loops that touch registers alone: the most that an instruction does in the runtime where it is measured. Every sum is used, so that none is left
 * out, and every operation depends on its sum, so that none moves out of the loop; there are enough sums to hide the
 * latency, and they begin differently, so that no two of them are merged. Operands come from memory once: V8 would make constants anew at each use.
 */
const BYTES: usize = memory.data<i8>([3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3], 16);
const ONES: usize = memory.data<i16>([1, 1, 1, 1, 1, 1, 1, 1], 16);
const HALVES: usize = memory.data<f32>([0.5, 0.5, 0.5, 0.5], 16);

/** 12 x i32x4.relaxed_dot_i8x16_i7x16_add_s an iteration. */
export function fused(iterations: i32): i32 {
  const a = v128.load(BYTES), b = v128.load(ONES);
  let s0 = i32x4.splat(iterations), s1 = i32x4.splat(iterations + 1), s2 = i32x4.splat(iterations + 2), s3 = i32x4.splat(iterations + 3), s4 = i32x4.splat(iterations + 4), s5 = i32x4.splat(iterations + 5), s6 = i32x4.splat(iterations + 6), s7 = i32x4.splat(iterations + 7), s8 = i32x4.splat(iterations + 8), s9 = i32x4.splat(iterations + 9), s10 = i32x4.splat(iterations + 10), s11 = i32x4.splat(iterations + 11);
  do {
    s0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, s0);
    s1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, s1);
    s2 = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, s2);
    s3 = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, s3);
    s4 = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, s4);
    s5 = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, s5);
    s6 = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, s6);
    s7 = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, s7);
    s8 = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, s8);
    s9 = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, s9);
    s10 = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, s10);
    s11 = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, s11);
  } while (--iterations);
  return foldI32(s0, s1, s2, s3) + foldI32(s4, s5, s6, s7) + foldI32(s8, s9, s10, s11);
}

/** 12 x pmaddubsw, pmaddwd and an addition an iteration: the kernels' dot where the fused one is slow. */
export function pairwise(iterations: i32): i32 {
  const a = v128.load(BYTES), ones = v128.load(ONES);
  let s0 = i32x4.splat(iterations), s1 = i32x4.splat(iterations + 1), s2 = i32x4.splat(iterations + 2), s3 = i32x4.splat(iterations + 3), s4 = i32x4.splat(iterations + 4), s5 = i32x4.splat(iterations + 5), s6 = i32x4.splat(iterations + 6), s7 = i32x4.splat(iterations + 7), s8 = i32x4.splat(iterations + 8), s9 = i32x4.splat(iterations + 9), s10 = i32x4.splat(iterations + 10), s11 = i32x4.splat(iterations + 11);
  do {
    s0 = i32x4.add(s0, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(a, s0), ones));
    s1 = i32x4.add(s1, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(a, s1), ones));
    s2 = i32x4.add(s2, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(a, s2), ones));
    s3 = i32x4.add(s3, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(a, s3), ones));
    s4 = i32x4.add(s4, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(a, s4), ones));
    s5 = i32x4.add(s5, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(a, s5), ones));
    s6 = i32x4.add(s6, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(a, s6), ones));
    s7 = i32x4.add(s7, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(a, s7), ones));
    s8 = i32x4.add(s8, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(a, s8), ones));
    s9 = i32x4.add(s9, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(a, s9), ones));
    s10 = i32x4.add(s10, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(a, s10), ones));
    s11 = i32x4.add(s11, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(a, s11), ones));
  } while (--iterations);
  return foldI32(s0, s1, s2, s3) + foldI32(s4, s5, s6, s7) + foldI32(s8, s9, s10, s11);
}

/** 12 x i32x4.dot_i16x8_s and an addition an iteration: the dot without relaxed SIMD. */
export function plain(iterations: i32): i32 {
  const a = v128.load(BYTES);
  let s0 = i32x4.splat(iterations), s1 = i32x4.splat(iterations + 1), s2 = i32x4.splat(iterations + 2), s3 = i32x4.splat(iterations + 3), s4 = i32x4.splat(iterations + 4), s5 = i32x4.splat(iterations + 5), s6 = i32x4.splat(iterations + 6), s7 = i32x4.splat(iterations + 7), s8 = i32x4.splat(iterations + 8), s9 = i32x4.splat(iterations + 9), s10 = i32x4.splat(iterations + 10), s11 = i32x4.splat(iterations + 11);
  do {
    s0 = i32x4.add(s0, i32x4.dot_i16x8_s(a, s0));
    s1 = i32x4.add(s1, i32x4.dot_i16x8_s(a, s1));
    s2 = i32x4.add(s2, i32x4.dot_i16x8_s(a, s2));
    s3 = i32x4.add(s3, i32x4.dot_i16x8_s(a, s3));
    s4 = i32x4.add(s4, i32x4.dot_i16x8_s(a, s4));
    s5 = i32x4.add(s5, i32x4.dot_i16x8_s(a, s5));
    s6 = i32x4.add(s6, i32x4.dot_i16x8_s(a, s6));
    s7 = i32x4.add(s7, i32x4.dot_i16x8_s(a, s7));
    s8 = i32x4.add(s8, i32x4.dot_i16x8_s(a, s8));
    s9 = i32x4.add(s9, i32x4.dot_i16x8_s(a, s9));
    s10 = i32x4.add(s10, i32x4.dot_i16x8_s(a, s10));
    s11 = i32x4.add(s11, i32x4.dot_i16x8_s(a, s11));
  } while (--iterations);
  return foldI32(s0, s1, s2, s3) + foldI32(s4, s5, s6, s7) + foldI32(s8, s9, s10, s11);
}

/** 12 x f32x4.relaxed_madd an iteration. */
export function madd(iterations: i32): i32 {
  const a = v128.load(HALVES);
  let s0 = f32x4.splat(<f32>iterations), s1 = f32x4.splat(<f32>(iterations + 1)), s2 = f32x4.splat(<f32>(iterations + 2)), s3 = f32x4.splat(<f32>(iterations + 3)), s4 = f32x4.splat(<f32>(iterations + 4)), s5 = f32x4.splat(<f32>(iterations + 5)), s6 = f32x4.splat(<f32>(iterations + 6)), s7 = f32x4.splat(<f32>(iterations + 7)), s8 = f32x4.splat(<f32>(iterations + 8)), s9 = f32x4.splat(<f32>(iterations + 9)), s10 = f32x4.splat(<f32>(iterations + 10)), s11 = f32x4.splat(<f32>(iterations + 11));
  do {
    s0 = f32x4.relaxed_madd(s0, a, a);
    s1 = f32x4.relaxed_madd(s1, a, a);
    s2 = f32x4.relaxed_madd(s2, a, a);
    s3 = f32x4.relaxed_madd(s3, a, a);
    s4 = f32x4.relaxed_madd(s4, a, a);
    s5 = f32x4.relaxed_madd(s5, a, a);
    s6 = f32x4.relaxed_madd(s6, a, a);
    s7 = f32x4.relaxed_madd(s7, a, a);
    s8 = f32x4.relaxed_madd(s8, a, a);
    s9 = f32x4.relaxed_madd(s9, a, a);
    s10 = f32x4.relaxed_madd(s10, a, a);
    s11 = f32x4.relaxed_madd(s11, a, a);
  } while (--iterations);
  return foldI32(s0, s1, s2, s3) + foldI32(s4, s5, s6, s7) + foldI32(s8, s9, s10, s11);
}

function foldI32(a: v128, b: v128, c: v128, d: v128): i32 {
  return i32x4.extract_lane(v128.xor(v128.xor(a, b), v128.xor(c, d)), 0);
}
