import { describe, expect, it } from 'vitest';
import { DOT_PATHS } from '../../src/kernel/kernel.ts';
import { attention, roundEven } from '../../src/kernel/scalar.ts';
import { createArena, createRandom, largestDifference, normals } from '../support/wasm-arena.ts';

const f = Math.fround;

/** What the kernel's stores keep of each head of each row: queries and values symmetric in 8 bits, keys between their extremes in 7. */
function throughStore(x: Float32Array, headSize: number, kind: 'symmetric' | 'range'): Float32Array {
  const out = new Float32Array(x.length);
  for (let start = 0; start < x.length; start += headSize) {
    const part = x.subarray(start, start + headSize);
    const low = kind === 'range' ? part.reduce((a, b) => Math.min(a, b)) : 0;
    const high =
      kind === 'range' ? part.reduce((a, b) => Math.max(a, b)) : part.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    const scale = f(f(high - low) * f(1 / 127));
    part.forEach((value, i) => {
      out[start + i] = scale * roundEven(f(f(value - low) * f(1 / scale))) + low;
    });
  }
  return out;
}

/** Runs the kernel over one text of `tokens`, its rows handed over in pieces of `piece`. */
function runKernel(
  path: (typeof DOT_PATHS)[number],
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  heads: number,
  width: number,
  piece: number,
) {
  const arena = createArena(path, 1024);
  const tokens = q.length / width;
  const capacity = Math.ceil(tokens / 8) * 8;
  const kv = new Float32Array(2 * q.length);
  for (let row = 0; row < tokens; row++) {
    kv.set(k.subarray(row * width, (row + 1) * width), 2 * row * width);
    kv.set(v.subarray(row * width, (row + 1) * width), (2 * row + 1) * width);
  }
  const [keys, values, scales] = [
    arena.room(capacity * width),
    arena.room(capacity * width),
    arena.room(12 * heads * capacity),
  ];
  const [kvAddress, qAddress, out] = [arena.put(kv), arena.put(q), arena.room(4 * (tokens + 4) * width)];
  const scratch = arena.room((tokens + 4) * (width / heads + 16));
  for (let row = 0; row < tokens; row += piece) {
    const rows = Math.min(piece, tokens - row);
    arena.kernel.storeKeysValues(
      kvAddress + 8 * row * width,
      8 * width,
      rows,
      row,
      heads,
      width / heads,
      capacity,
      keys,
      values,
      scales,
    );
  }
  for (let row = 0; row < tokens; row += piece) {
    const rows = Math.min(piece, tokens - row);
    const at = 4 * row * width;
    arena.kernel.attention(
      qAddress + at,
      4 * width,
      rows,
      0,
      heads,
      heads,
      width / heads,
      tokens,
      capacity,
      keys,
      values,
      scales,
      out + at,
      scratch,
    );
  }
  return arena.floats(out, tokens * width);
}

const SHAPES = [
  { tokens: 1, heads: 1, width: 64, sharpness: 1 },
  { tokens: 2, heads: 4, width: 64, sharpness: 1 },
  { tokens: 13, heads: 2, width: 128, sharpness: 3 },
  { tokens: 27, heads: 16, width: 1024, sharpness: 1 },
  { tokens: 511, heads: 2, width: 64, sharpness: 1 },
  { tokens: 512, heads: 1, width: 64, sharpness: 3 },
  { tokens: 1031, heads: 2, width: 64, sharpness: 2 },
];

describe.each(DOT_PATHS)('attention on the %s path', (path) => {
  it.each(SHAPES)(
    'equals the scalar twin on the same stored numbers: $tokens tokens, $heads heads of $width / $heads',
    (shape) => {
      const { tokens, heads, width, sharpness } = shape;
      const random = createRandom(tokens);
      const [q, k, v] = [
        normals(random, tokens * width, sharpness),
        normals(random, tokens * width),
        normals(random, tokens * width),
      ];
      const headSize = width / heads;
      const expected = attention(
        throughStore(q, headSize, 'symmetric'),
        throughStore(k, headSize, 'range'),
        throughStore(v, headSize, 'symmetric'),
        width,
        heads,
      );
      // P keeps 14 bits, and weights below 2^-15 of a row's largest count as nothing. Worst seen 8.3e-3, 1031 keys.
      const tolerance = 1.2e-2;
      expect(largestDifference(runKernel(path, q, k, v, heads, width, 128), expected)).toBeLessThan(tolerance);
    },
  );
});

describe('attention', () => {
  it('has the same bits on every path and however its rows are cut', () => {
    const [tokens, heads, width] = [77, 2, 128];
    const random = createRandom(7);
    const [q, k, v] = [
      normals(random, tokens * width),
      normals(random, tokens * width),
      normals(random, tokens * width),
    ];
    const whole = runKernel('plain', q, k, v, heads, width, 128);
    for (const path of DOT_PATHS)
      for (const piece of [1, 5, 32]) expect(runKernel(path, q, k, v, heads, width, piece)).toEqual(whole);
  });

  it('gives all weight to a key that dominates, to the last bit of the value', () => {
    const [tokens, width] = [600, 64];
    const random = createRandom(3);
    const [q, k, v] = [
      new Float32Array(tokens * width),
      normals(random, tokens * width, 0.01),
      normals(random, tokens * width),
    ];
    q.fill(8);
    k.fill(8, 555 * width, 556 * width);
    const out = runKernel('plain', q, k, v, 1, width, 128);
    const stored = throughStore(v, width, 'symmetric').subarray(555 * width, 556 * width);
    // P keeps 14 bits below the largest value scale of the block, which is not this key's own. Worst seen 1.3e-4.
    expect(largestDifference(out.subarray(0, width), stored)).toBeLessThan(5e-4);
  });

  it.each([0, 1, 2])('shows in every row it touches that a number is none, in argument %i', (bad) => {
    const [tokens, width] = [19, 64];
    const random = createRandom(5);
    const inputs = [0, 1, 2].map(() => normals(random, tokens * width));
    inputs[bad]![7 * width + 3] = Number.NaN;
    const [q, k, v] = inputs as [Float32Array, Float32Array, Float32Array];
    for (const path of DOT_PATHS) {
      const out = runKernel(path, q, k, v, 1, width, 128);
      const rows = Array.from({ length: tokens }, (_, row) => Number.isNaN(out[row * width]!));
      expect(rows).toEqual(rows.map((_, row) => bad > 0 || row === 7));
    }
  });

  it('stays finite where scores are thousands of powers of two apart', () => {
    const [tokens, width] = [21, 64];
    const random = createRandom(9);
    const [q, k, v] = [100, 100, 1].map((size) => normals(random, tokens * width, size));
    const out = runKernel('plain', q!, k!, v!, 1, width, 128);
    expect(out.every(Number.isFinite)).toBe(true);
    for (const path of DOT_PATHS) expect(runKernel(path, q!, k!, v!, 1, width, 5)).toEqual(out);
  });
});
