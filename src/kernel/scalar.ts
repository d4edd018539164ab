/**
 * Scalar twins of the kernels: the same contracts over plain arrays, slow and plain, as the tests' oracle. The integer ones give the
 * kernels' own bits; the floating ones compute in float64 what the kernels approximate.
 */

const f = Math.fround;
const ROUND_MAGIC = 12582912;

/** As the kernels round: to nearest, ties to even. */
export const roundEven = (value: number): number => f(f(value) + ROUND_MAGIC) - ROUND_MAGIC;

export interface QuantizedRow {
  readonly q: Int8Array;
  readonly sx: number;
  readonly ox: number;
}

/** Twin of `quantizeRows`, one row. */
export function quantizeRow(x: Float32Array): QuantizedRow {
  const low = x.reduce((a, b) => Math.min(a, b));
  const high = x.reduce((a, b) => Math.max(a, b));
  const sx = f(f(high - low) * f(1 / 254));
  const ox = f(f(high + low) * 0.5);
  const inverse = sx > f(1e-30) ? f(1 / sx) : 0;
  return { q: Int8Array.from(x, (value) => roundEven(f(f(value - ox) * inverse))), sx, ox };
}

export interface QuantizedLinear {
  readonly n: number;
  readonly k: number;
  /** [n, k], 0..127. */
  readonly u: Uint8Array;
  readonly scale: Float32Array;
  readonly columnSum: Float32Array;
  readonly bias: Float32Array;
}

/** Twin of `gemm`, one row, bit for bit. */
export function quantizedLinear(
  { q, sx, ox }: QuantizedRow,
  { n, k, u, scale, columnSum, bias }: QuantizedLinear,
): Float32Array {
  const correction = 64 * q.reduce((sum, value) => sum + value, 0);
  return Float32Array.from({ length: n }, (_, column) => {
    let sum = 0;
    for (let i = 0; i < k; i++) sum += q[i]! * u[column * k + i]!;
    const product = f(f(sum - correction) * f(scale[column]! * sx));
    return f(product + f(f(columnSum[column]! * ox) + bias[column]!));
  });
}

/** x · wᵀ + bias. @param x [rows, k] @param w [n, k] */
export function linear(x: Float32Array, w: Float32Array, bias: Float32Array, k: number): Float32Array {
  const n = bias.length;
  const rows = x.length / k;
  const out = new Float32Array(rows * n);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < n; column++) {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += x[row * k + i]! * w[column * k + i]!;
      out[row * n + column] = sum + bias[column]!;
    }
  }
  return out;
}

/** erf by its series, and its continued fraction where that is slow; within 1e-15. */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z > 3) {
    let fraction = z;
    for (let i = 60; i > 0; i--) fraction = z + i / 2 / fraction;
    return Math.sign(x) * (1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / fraction);
  }
  let term = x;
  let sum = x;
  for (let i = 1; Math.abs(term) > 1e-17 && i < 200; i++) {
    term *= (-x * x) / i;
    sum += term / (2 * i + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

export const gelu = (x: number): number => 0.5 * x * (1 + erf(x / Math.SQRT2));

/** Each row of [rows, width] by its own mean and variance. */
export function layerNorm(x: Float32Array, weight: Float32Array, bias: Float32Array, epsilon: number): Float32Array {
  const width = weight.length;
  const out = new Float32Array(x.length);
  for (let start = 0; start < x.length; start += width) {
    const row = x.subarray(start, start + width);
    const mean = row.reduce((sum, value) => sum + value, 0) / width;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    const inverse = 1 / Math.sqrt(variance + epsilon);
    row.forEach((value, i) => {
      out[start + i] = (value - mean) * inverse * weight[i]! + bias[i]!;
    });
  }
  return out;
}

/** softmax(q · kᵀ / sqrt(headSize)) · v in each attention head. @param q [queries, width] @param k [keys, width] @param v [keys, width] */
export function attention(
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  width: number,
  heads: number,
): Float32Array {
  const headSize = width / heads;
  const keys = k.length / width;
  const out = new Float32Array(q.length);
  const scores = new Float64Array(keys);
  for (let row = 0; row < q.length; row += width) {
    for (let column = 0; column < width; column += headSize) {
      for (let key = 0; key < keys; key++) {
        let dot = 0;
        for (let i = 0; i < headSize; i++) dot += q[row + column + i]! * k[key * width + column + i]!;
        scores[key] = dot / Math.sqrt(headSize);
      }
      const maximum = scores.reduce((a, b) => Math.max(a, b));
      const weights = scores.map((score) => Math.exp(score - maximum));
      const total = weights.reduce((a, b) => a + b, 0);
      for (let i = 0; i < headSize; i++) {
        let sum = 0;
        for (let key = 0; key < keys; key++) sum += weights[key]! * v[key * width + column + i]!;
        out[row + column + i] = sum / total;
      }
    }
  }
  return out;
}

/** Twin of `bestDots` from the beginning, bit for bit: the largest product of each query row with a passage row. */
export function bestDots(queries: Float32Array, passages: Float32Array, width: number): number[] {
  const best: number[] = [];
  for (let q = 0; q < queries.length; q += width) {
    let most = Number.NEGATIVE_INFINITY;
    for (let p = 0; p < passages.length; p += width) {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += queries[q + i]! * passages[p + i]!;
      most = Math.max(most, sum);
    }
    best.push(most);
  }
  return best;
}

/** Rows of [rows, width] to unit length. */
export function unitRows(x: Float32Array, width: number): Float32Array {
  const out = x.slice();
  for (let start = 0; start < x.length; start += width) {
    const row = out.subarray(start, start + width);
    const norm = Math.max(Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)), 1e-12);
    row.forEach((value, i) => {
      row[i] = value / norm;
    });
  }
  return out;
}
