import { describe, expect, it } from 'vitest';
import { D1_LIMITS, type Database, hexBytes, statement } from '../../src/documents/database.ts';
import {
  colbertRowBytes,
  packColbert,
  packDense,
  unpackColbert,
  unpackDense,
} from '../../src/documents/packed-vectors.ts';
import { denseScore, maxSim } from '../../src/scoring/scoring.ts';
import { seededGaussian } from '../random.ts';

const gaussian = seededGaussian(8);
const unitRow = (width: number): Float32Array => {
  const row = Float32Array.from({ length: width }, gaussian);
  const norm = Math.hypot(...row);
  return row.map((value) => value / norm);
};
const near = (row: Float32Array, share: number): Float32Array => {
  const noise = unitRow(row.length);
  const mixed = row.map((value, i) => share * value + (1 - share) * noise[i]!);
  const norm = Math.hypot(...mixed);
  return mixed.map((value) => value / norm);
};
const rowsOf = (rows: readonly Float32Array[]) => Float32Array.from(rows.flatMap((row) => [...row]));

describe('dense vectors as blobs', () => {
  it('come back with cosines that differ by less than 5e-5', () => {
    const vectors = Array.from({ length: 50 }, () => unitRow(1024));
    const query = unitRow(1024);
    for (const vector of vectors) {
      const kept = unpackDense(packDense(vector));
      expect(Math.abs(denseScore(query, kept) - denseScore(query, vector))).toBeLessThan(5e-5); // 1.6e-5 seen
    }
  });

  it('take two bytes a dimension, wherever they begin', () => {
    const bytes = packDense(Float32Array.of(1, -0.5, 2 ** -20));
    expect(bytes).toHaveLength(6);
    const shifted = new Uint8Array(7);
    shifted.set(bytes, 1);
    expect([...unpackDense(shifted.subarray(1))]).toEqual([...unpackDense(bytes)]);
    expect([...unpackDense(bytes)]).toEqual([1, -0.5, 2 ** -20]);
  });

  it('are read from SQL’s hex', () => {
    expect([...hexBytes('00FF7a'.toUpperCase())]).toEqual([0, 255, 122]);
  });
});

describe('ColBERT rows as blobs', () => {
  const width = 1024;
  const query = rowsOf(Array.from({ length: 8 }, () => unitRow(width)));

  it('keep 130 bytes of 4,096, so that 8,192 tokens fit into a row of D1', () => {
    expect(packColbert(query, width)).toHaveLength(8 * 130);
    expect(8191 * colbertRowBytes(width)).toBeLessThan(D1_LIMITS.rowBytes);
  });

  it('estimate MaxSim, and put passages that share more of the query first', () => {
    const passages = [0.9, 0.7, 0.5, 0.1].map((share) =>
      rowsOf(Array.from({ length: 8 }, (_, i) => near(query.slice(i * width, (i + 1) * width), share))),
    );
    const exact = passages.map((passage) => maxSim(query, passage, width));
    const kept = passages.map((passage) => maxSim(query, unpackColbert(packColbert(passage, width), width), width));
    kept.forEach((score, i) => {
      expect(Math.abs(score - exact[i]!)).toBeLessThan(0.06);
    });
    expect([...kept].sort((a, b) => b - a)).toEqual(kept);
  });

  it('of zeros stay zeros', () => {
    expect([...unpackColbert(packColbert(new Float32Array(8), 8), 8)].every((value) => value === 0)).toBe(true);
  });
});

describe('a statement', () => {
  const bound: unknown[][] = [];
  const db = {
    prepare: () => ({ bind: (...values: unknown[]) => bound.push(values) }),
  } as unknown as Database;

  it('is refused before the call where D1 would refuse it: fault C37', () => {
    expect(() => statement(db, 'SELECT ?', ...new Array(101).fill(1))).toThrow('101 parameters');
    expect(() => statement(db, 'SELECT ?', 'é'.repeat(1_000_001))).toThrow('2000002 bytes');
    expect(() => statement(db, 'SELECT ?, ?', new Uint8Array(1_999_999), 'ab')).toThrow('2000001 bytes');
    expect(bound).toEqual([]);
    statement(db, 'SELECT ?, ?', new Uint8Array(1_999_998), 'ab');
    expect(bound).toHaveLength(1);
  });
});
