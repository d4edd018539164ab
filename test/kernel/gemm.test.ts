import { describe, expect, it } from 'vitest';
import { DOT_PATHS } from '../../src/kernel/kernel.ts';
import { type QuantizedLinear, quantizedLinear, quantizeRow } from '../../src/kernel/scalar.ts';
import { createArena, createRandom, normals } from '../support/wasm-arena.ts';

/** Random u7 weights in both packings of model-shards/README.md, and what they stand for. */
function randomLinear(random: () => number, n: number, k: number, type: 'u7' | 'u4g32') {
  const u = new Uint8Array(n * k);
  const groups = k / 32;
  const packed = new Uint8Array(type === 'u7' ? n * k : (n / 8) * groups * 144);
  const integer = (end: number) => Math.floor(random() * end);
  for (let column = 0; column < n; column++) {
    const [panel, c] = [column >> 3, column & 7];
    for (let group = 0; group < groups; group++) {
      const base = (panel * groups + group) * 144;
      const step = integer(120);
      const minimum = integer(127 - ((15 * step + 8) >> 4) + 1);
      for (let i = 0; i < 32; i++) {
        const at = group * 32 + i;
        const code = integer(16);
        if (type === 'u7') {
          u[column * k + at] = integer(128);
          packed[panel * 8 * k + (at >> 2) * 32 + c * 4 + (at & 3)] = u[column * k + at]!;
        } else {
          u[column * k + at] = ((code * step + 8) >> 4) + minimum;
          packed[base + c] = step;
          packed[base + 8 + c] = minimum;
          packed[base + 16 + (i >> 2) * 16 + 8 * (c & 1) + 2 * (i & 3) + ((c >> 1) & 1)]! |= c < 4 ? code : code << 4;
        }
      }
    }
  }
  const scale = normals(random, n, 0.01).map(Math.abs);
  const columnSum = scale.map(
    (value, column) => value * u.subarray(column * k, (column + 1) * k).reduce((sum, x) => sum + x - 64, 0),
  );
  const linear: QuantizedLinear = { n, k, u, scale, columnSum, bias: normals(random, n) };
  return { linear, packed };
}

const SHAPES = [
  { rows: 1, n: 64, k: 64 },
  { rows: 2, n: 192, k: 64 },
  { rows: 3, n: 64, k: 256 },
  { rows: 5, n: 128, k: 512 },
  { rows: 12, n: 64, k: 128 },
  { rows: 30, n: 64, k: 64 },
  { rows: 37, n: 64, k: 1024 },
];

describe.each(DOT_PATHS)('gemm on the %s path', (path) => {
  for (const type of ['u7', 'u4g32'] as const) {
    it.each(SHAPES)(`gives the scalar twin's bits with ${type} weights: $rows rows, [$n, $k]`, ({ rows, n, k }) => {
      const random = createRandom(rows * n + k);
      const { linear, packed } = randomLinear(random, n, k, type);
      const arena = createArena(path);
      expect(arena.kernel.dotPath).toBe(path);
      const x = normals(random, rows * k, 3);
      const padded = Math.ceil(rows / 4) * 4;
      const [a, rowScales] = [arena.room(padded * k), arena.room(padded * 16)];
      arena.kernel.quantizeRows(arena.put(x), 4 * k, rows, k, a, rowScales);
      const out = arena.room(4 * padded * n);
      const { scale, columnSum, bias } = linear;
      const [weights, scales, sums, biases] = [
        arena.put(packed),
        arena.put(scale),
        arena.put(columnSum),
        arena.put(bias),
      ];
      arena.kernel.gemm(
        padded / 4,
        k,
        n / 8,
        type === 'u7' ? 0 : 1,
        a,
        rowScales,
        weights,
        scales,
        sums,
        biases,
        out,
        4 * n,
        arena.room(8 * k),
      );
      for (let row = 0; row < rows; row++) {
        const expected = quantizedLinear(quantizeRow(x.subarray(row * k, (row + 1) * k)), linear);
        expect(arena.floats(out + 4 * n * row, n)).toEqual(expected);
      }
    });
  }

  it('is exact at the largest operands and the widest layer', () => {
    const k = 4096;
    const arena = createArena(path);
    const u = new Uint8Array(8 * k).fill(127);
    const x = new Float32Array(k).fill(1);
    x[0] = -1; // q is 127 everywhere but here
    const ones = new Float32Array(8).fill(1);
    const [a, rowScales, out] = [arena.room(4 * k), arena.room(64), arena.room(128)];
    arena.kernel.quantizeRows(arena.put(x), 4 * k, 1, k, a, rowScales);
    arena.kernel.gemm(
      1,
      k,
      1,
      0,
      a,
      rowScales,
      arena.put(u),
      arena.put(ones),
      arena.put(ones),
      arena.put(ones),
      out,
      32,
      0,
    );
    const expected = quantizedLinear(quantizeRow(x), { n: 8, k, u, scale: ones, columnSum: ones, bias: ones });
    expect(arena.floats(out, 8)).toEqual(expected);
  });
});

describe('quantizeRows', () => {
  it.each([1, 2, 4, 7])("gives the scalar twin's bytes and scales, %i rows", (rows) => {
    const k = 128;
    const arena = createArena();
    const x = normals(createRandom(rows), rows * k);
    x.fill(2.5, 0, k); // a constant row has scale 0
    const padded = Math.ceil(rows / 4) * 4;
    const [out, rowScales] = [arena.room(padded * k), arena.room(padded * 16)];
    arena.kernel.quantizeRows(arena.put(x), 4 * k, rows, k, out, rowScales);
    const packed = new Int8Array(arena.bytes(out, padded * k).buffer);
    for (let row = 0; row < rows; row++) {
      const { q, sx, ox } = quantizeRow(x.subarray(row * k, (row + 1) * k));
      const values = Int8Array.from(
        { length: k },
        (_, i) => packed[(row >> 2) * 4 * k + (i >> 2) * 16 + (row & 3) * 4 + (i & 3)]!,
      );
      expect(values).toEqual(q);
      const scales = arena.bytes(rowScales + 16 * row, 16);
      expect([...new Float32Array(scales.buffer, 0, 2)]).toEqual([sx, ox]);
      expect(new Int32Array(scales.buffer)[2]).toBe(64 * q.reduce((sum, value) => sum + value, 0));
    }
  });

  it('passes NaN and infinities on to the scale, so that they show in the output', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const arena = createArena();
      const x = normals(createRandom(1), 64);
      x[17] = bad;
      const rowScales = arena.room(64);
      arena.kernel.quantizeRows(arena.put(x), 256, 1, 64, arena.room(256), rowScales);
      expect(Number.isFinite(arena.floats(rowScales, 1)[0]!)).toBe(false);
    }
  });
});
