import { describe, expect, it } from 'vitest';
import { quantiseInt8, signBits, vectorJson } from '../src/vector-json.ts';
import { createRandom, normals } from './support/wasm-arena.ts';

describe('vectorJson', () => {
  const vector = Float32Array.of(0.5, -0.25, 1, 0, -1, 2 ** -30, 0.1, -0, 3);

  it('prints a part of an array in each encoding', () => {
    expect(vectorJson(vector, 'float', 1, 4)).toBe('[-0.25,1,0]');
    expect(vectorJson(vector, 'base64', 1, 3)).toBe('"AACAvgAAgD8="');
    expect(vectorJson(vector, 'int8', 0, 3)).toBe('{"scale":0.007874016,"data":"QOB/"}');
    expect(vectorJson(vector, 'binary')).toBe('"poA="');
  });
});

describe('quantiseInt8', () => {
  it('stays within 127 and within half a step for any vector', () => {
    const random = createRandom(7);
    for (let i = 0; i < 500; i++) {
      const vector = normals(random, 64, 10 ** (6 * random() - 3));
      const { scale, codes } = quantiseInt8(vector);
      expect(Math.max(...codes.map(Math.abs))).toBe(127);
      // Rounding the scale to a float32 moves a code by at most 127 · 2^-24 of a step.
      vector.forEach((value, at) => {
        expect(Math.abs(value - scale * codes[at]!)).toBeLessThan(scale * 0.50001);
      });
    }
  });

  it('gives zeros for a vector of zeros', () => {
    expect(quantiseInt8(new Float32Array(8))).toEqual({ scale: 0, codes: new Int8Array(8) });
  });
});

describe('signBits', () => {
  it('fills the last byte with zeros', () => {
    expect(signBits(Float32Array.of(1, -1, 1, 0, 0, 0, 0, 1, 1))).toEqual(Uint8Array.of(0b10100001, 0b10000000));
  });
});
