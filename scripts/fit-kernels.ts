/**
 * Fits the polynomials of 2^x and the rational of the normal distribution's Φ that `assembly/` evaluates, and prints their coefficients
 * with the error that float32 arithmetic leaves. Least squares on Chebyshev nodes, reweighted towards the worst node (Lawson).
 */

type Row = { basis: number[]; target: number };

/** Solves min |W (A x - b)| by Householder QR. */
function leastSquares(rows: Row[], weights: number[]): number[] {
  const n = rows[0]!.basis.length;
  const a = rows.map(({ basis, target }, i) => [...basis, target].map((value) => value * Math.sqrt(weights[i]!)));
  for (let column = 0; column < n; column++) {
    let norm = 0;
    for (let i = column; i < a.length; i++) norm += a[i]![column]! ** 2;
    norm = Math.sqrt(norm) * (a[column]![column]! > 0 ? -1 : 1);
    const v = a.map((row, i) => (i < column ? 0 : row[column]! - (i === column ? norm : 0)));
    const vv = v.reduce((sum, value) => sum + value * value, 0);
    for (let j = column; j <= n; j++) {
      let dot = 0;
      for (let i = column; i < a.length; i++) dot += v[i]! * a[i]![j]!;
      for (let i = column; i < a.length; i++) a[i]![j]! -= (2 * dot * v[i]!) / vv;
    }
  }
  const x = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    let sum = a[i]![n]!;
    for (let j = i + 1; j < n; j++) sum -= a[i]![j]! * x[j]!;
    x[i] = sum / a[i]![i]!;
  }
  return x;
}

function minimax(
  rows: Row[],
  residual: (x: number[], row: number) => number,
  rowsFor: (x: number[]) => Row[],
): number[] {
  let weights = rows.map(() => 1 / rows.length);
  let x = leastSquares(rows, weights);
  let best = x;
  let bestWorst = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 400; round++) {
    x = leastSquares(rowsFor(x), weights);
    const errors = rows.map((_, i) => Math.abs(residual(x, i)));
    const worst = Math.max(...errors);
    if (worst < bestWorst) [bestWorst, best] = [worst, x];
    weights = weights.map((weight, i) => weight * (errors[i]! / worst + 1e-3));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    weights = weights.map((weight) => weight / total);
  }
  return best;
}

const nodes = (count: number, low: number, high: number) =>
  Array.from(
    { length: count },
    (_, i) => (low + high) / 2 + ((high - low) / 2) * Math.cos((Math.PI * (i + 0.5)) / count),
  );
const powers = (x: number, degree: number) => Array.from({ length: degree + 1 }, (_, i) => x ** i);
const horner = (c: number[], x: number) => c.reduceRight((sum, value) => sum * x + value, 0);
const f = Math.fround;
const hornerF32 = (c: number[], x: number) => c.reduceRight((sum, value) => f(f(sum * x) + f(value)), 0);

/** Φ(x) - 1/2 by its series, or its continued fraction in the tail. */
function phiLessHalf(x: number): number {
  if (x > 4) {
    let fraction = x;
    for (let k = 200; k > 0; k--) fraction = x + k / fraction;
    return 0.5 - Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI) / fraction;
  }
  let term = x;
  let sum = x;
  for (let k = 1; k < 200; k++) {
    term *= (-x * x) / (2 * k);
    sum += term / (2 * k + 1);
  }
  return sum / Math.sqrt(2 * Math.PI);
}

function fitExp2(degree: number): void {
  const xs = nodes(200, -0.5, 0.5);
  const rows = xs.map((x) => ({ basis: powers(x, degree).map((p) => p / 2 ** x), target: 1 }));
  const c = minimax(
    rows,
    (coefficients, i) => horner(coefficients, xs[i]!) / 2 ** xs[i]! - 1,
    () => rows,
  );
  let worst = 0;
  for (let x = -0.5; x <= 0.5; x += 1e-5) worst = Math.max(worst, Math.abs(hornerF32(c, f(x)) / 2 ** f(x) - 1));
  console.log(`2^x on [-1/2, 1/2], degree ${degree}: relative error in float32 ${worst.toExponential(2)}`);
  console.log(c.map((value) => `  ${f(value)}`).join('\n'));
}

/** 2^-x on [0, 1) as c0 - x(c1 - x(c2 - x·c3)) in 15-bit fixed point, as `assembly/softmax.ts` evaluates it. */
function fitPower15(c0: number): void {
  const xs = nodes(200, 0, 1);
  const signs = [-1, 1, -1];
  const basis = (x: number) => signs.map((sign, i) => (sign * x ** (i + 1)) / 2 ** -x);
  const rows = xs.map((x) => ({ basis: basis(x), target: 1 - c0 / 32768 / 2 ** -x }));
  const residual = (c: number[], i: number) =>
    rows[i]!.target - rows[i]!.basis.reduce((sum, value, k) => sum + value * c[k]!, 0);
  const c = minimax(rows, residual, () => rows).map((value) => Math.round(value * 32768));
  const product = (a: number, b: number) => (a * b + 16384) >> 15;
  let worst = 0;
  for (let code = 0; code < 4096; code++) {
    const x = code << 3;
    const p = c0 - product(x, c[0]! - product(x, c[1]! - product(x, c[2]!)));
    worst = Math.max(worst, Math.abs(p / 32768 / 2 ** (-code / 4096) - 1));
  }
  console.log(`2^-x on [0, 1) in 15 bits: ${[c0, ...c].join(', ')}: relative error ${worst.toExponential(2)}`);
}

function fitPhi(limit: number, top: number, bottom: number): void {
  const xs = nodes(400, 0.001, limit);
  const targets = xs.map(phiLessHalf);
  const split = (c: number[]) => ({ p: c.slice(0, top + 1), q: [1, ...c.slice(top + 1)] });
  const rowsFor = (c: number[]) =>
    xs.map((x, i) => {
      const u = x * x;
      const scale = Math.abs(horner(split(c).q, u)) || 1;
      return {
        basis: [
          ...powers(u, top).map((p) => (p * x) / scale),
          ...powers(u, bottom)
            .slice(1)
            .map((p) => (-targets[i]! * p) / scale),
        ],
        target: targets[i]! / scale,
      };
    });
  const value = (c: number[], x: number) => (x * horner(split(c).p, x * x)) / horner(split(c).q, x * x);
  const c = minimax(
    rowsFor(new Array(top + 1 + bottom).fill(0)),
    (coefficients, i) => value(coefficients, xs[i]!) - targets[i]!,
    rowsFor,
  );
  const { p, q } = split(c);
  let worst = 0;
  let worstGelu = 0;
  for (let x = -12; x <= 12; x += 1e-3) {
    const t = f(Math.max(-limit, Math.min(limit, x)));
    const u = f(t * t);
    const phi = f(0.5 + f(f(t * hornerF32(p, u)) / hornerF32(q, u)));
    const exact = 0.5 + Math.sign(x) * phiLessHalf(Math.abs(x));
    worst = Math.max(worst, Math.abs(phi - exact));
    worstGelu = Math.max(worstGelu, Math.abs(f(f(x) * phi) - x * exact));
  }
  console.log(
    `Φ on ±${limit}, degrees ${top} / ${bottom} in x²: error in float32 ${worst.toExponential(2)}, of x·Φ(x) on ±12 ${worstGelu.toExponential(2)}`,
  );
  console.log(`  p ${p.map((v) => f(v)).join(', ')}\n  q ${q.map((v) => f(v)).join(', ')}`);
}

fitExp2(4);
fitPower15(32766);
fitPhi(5.25, 6, 4);
