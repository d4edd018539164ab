/** Beyond this Φ is 0 or 1 within 8e-8. */
const LIMIT: f32 = 5.25;

/** P and Q of `gelu`, highest power first, then limits and a half: four of each. From `scripts/fit-kernels.ts`. */
const P6: f32 = 1.2385839576189994e-10;
const P5: f32 = -2.2688480427746072e-8;
const P4: f32 = 0.0000029947495931992307;
const P3: f32 = 0.00014299448230303824;
const P2: f32 = 0.004331244621425867;
const P1: f32 = 0.03316934406757355;
const P0: f32 = 0.3989422023296356;
const Q4: f32 = 0.00005366912591853179;
const Q3: f32 = 0.00166953110601753;
const Q2: f32 = 0.027494050562381744;
const Q1: f32 = 0.2498086392879486;
const P: usize = memory.data<f32>(
  [P6, P6, P6, P6, P5, P5, P5, P5, P4, P4, P4, P4, P3, P3, P3, P3, P2, P2, P2, P2, P1, P1, P1, P1, P0, P0, P0, P0],
  16,
);
const Q: usize = memory.data<f32>([Q4, Q4, Q4, Q4, Q3, Q3, Q3, Q3, Q2, Q2, Q2, Q2, Q1, Q1, Q1, Q1, 1, 1, 1, 1], 16);
const CLAMP: usize = memory.data<f32>([LIMIT, LIMIT, LIMIT, LIMIT, -LIMIT, -LIMIT, -LIMIT, -LIMIT, 0.5, 0.5, 0.5, 0.5], 16);

/**
 * GELU with erf, in place: x · Φ(x), Φ(t) = 1/2 + t · P(t²) / Q(t²) for t = x within ±5.25. Error of Φ in float32 2e-7, of GELU 1e-6
 * within ±12.
 *
 * @param count Values, a multiple of 4.
 */
export function gelu(x: usize, count: i32): void {
  for (; count > GELU_VALUES; count -= GELU_VALUES) {
    geluSome(x, GELU_VALUES);
    x += GELU_VALUES << 2;
  }
  geluSome(x, count);
}

/** Values that one call takes: the optimised code comes in between. */
const GELU_VALUES: i32 = 4096;

function geluSome(x: usize, count: i32): void {
  const end = x + (<usize>count << 2);
  while (x < end) {
    const value = v128.load(x);
    const t = f32x4.pmax(f32x4.pmin(value, v128.load(CLAMP)), v128.load(CLAMP, 16)); // in this order NaN passes
    const u = f32x4.mul(t, t);
    let p = f32x4.add(f32x4.mul(v128.load(P), u), v128.load(P, 16));
    let q = f32x4.add(f32x4.mul(v128.load(Q), u), v128.load(Q, 16));
    p = f32x4.add(f32x4.mul(p, u), v128.load(P, 32));
    q = f32x4.add(f32x4.mul(q, u), v128.load(Q, 32));
    p = f32x4.add(f32x4.mul(p, u), v128.load(P, 48));
    q = f32x4.add(f32x4.mul(q, u), v128.load(Q, 48));
    p = f32x4.add(f32x4.mul(p, u), v128.load(P, 64));
    q = f32x4.add(f32x4.mul(q, u), v128.load(Q, 64));
    p = f32x4.add(f32x4.mul(p, u), v128.load(P, 80));
    p = f32x4.add(f32x4.mul(p, u), v128.load(P, 96));
    const phi = f32x4.add(v128.load(CLAMP, 32), f32x4.div(f32x4.mul(t, p), q));
    v128.store(x, f32x4.mul(value, phi));
    x += 16;
  }
}
