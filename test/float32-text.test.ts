import { describe, expect, it } from 'vitest';
import { float32Json, shortestFloat32 } from '../src/float32-text.ts';
import { createRandom } from './support/wasm-arena.ts';

/** The shortest by trial, as slow as it is plain. */
function byTrial(value: number): string {
  for (let digits = 1; digits <= 9; digits++) {
    const text = value.toExponential(digits - 1);
    if (Math.fround(Number(text)) === value) return text;
  }
  throw new Error(`${value} is not a float32`);
}

const significantDigits = (value: number) =>
  Math.abs(value)
    .toExponential()
    .replace(/e.*|\./g, '').length;

const random = createRandom(20);
const floats = new Float32Array(300_000);
const words = new Uint32Array(floats.buffer);
for (let i = 0; i < words.length; i++) {
  words[i] = random() * 2 ** 32;
  // Every other number in the range that embeddings have: 2^-27 to 2.
  if (i % 2) words[i] = (words[i]! & 0x807fffff) | ((100 + (i % 28)) << 23);
}
const finite = floats.filter(Number.isFinite);

describe('shortestFloat32', () => {
  it('reads back as the same float32 for random bit patterns', () => {
    expect(finite.length).toBeGreaterThan(298_000);
    expect(finite.filter((value) => Math.fround(Number(String(shortestFloat32(value)))) !== value)).toEqual(
      new Float32Array(),
    );
  });

  it('has no more digits than the shortest decimal found by trial', () => {
    const longer = finite.filter((value) => {
      return significantDigits(shortestFloat32(value)) > significantDigits(Number(byTrial(value)));
    });
    expect(longer).toEqual(new Float32Array());
  });

  it('takes the nearest of the shortest decimals', () => {
    const farther = finite.filter((value) => {
      const [ours, trial] = [shortestFloat32(value), Number(byTrial(value))];
      return (
        significantDigits(ours) === significantDigits(trial) &&
        Math.abs(ours - value) > Math.abs(trial - value) * 1.0001
      );
    });
    expect(farther).toEqual(new Float32Array());
  });

  it('holds at powers of two, where the two neighbours are at different distances, and at the ends of the range', () => {
    const edges = [2 ** -149, 2 ** -126, 1.17549421e-38, 3.40282347e38, 16777216, 16777215, 33554432, 9007199254740992];
    for (let exponent = -149; exponent < 128; exponent++) edges.push(2 ** exponent);
    for (const edge of edges.map(Math.fround)) {
      for (const value of [edge, -edge]) {
        expect(Math.fround(Number(String(shortestFloat32(value))))).toBe(value);
        expect(significantDigits(shortestFloat32(value))).toBeLessThanOrEqual(
          significantDigits(Number(byTrial(value))),
        );
      }
    }
  });

  it('prints zero, of either sign, as 0', () => {
    expect(float32Json(Float32Array.of(0, -0))).toBe('[0,0]');
  });

  it('refuses what JSON cannot hold', () => {
    for (const value of [Number.NaN, Infinity, -Infinity]) {
      expect(() => shortestFloat32(value)).toThrow(expect.objectContaining({ code: 'engine_numeric' }));
    }
  });
});

describe('float32Json', () => {
  it('prints a part of an array', () => {
    expect(float32Json(Float32Array.of(9, 0.1, -0.25, 1e-7, 9), 1, 4)).toBe('[0.1,-0.25,1e-7]');
  });
});
