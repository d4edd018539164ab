import type { Embedded } from '../src/client/vectors.ts';
import { shortestFloat32 } from '../src/float32-text.ts';
import { combineScores, denseScore, lexicalScore, type ModeWeights, maxSim } from '../src/scoring/scoring.ts';

/** The three scores of a pair, from which the combined ones follow. */
export interface Scores {
  readonly dense: number;
  readonly sparse: number;
  readonly colbert: number;
}

/** `matrix[query][passage]`; undefined while it is being computed. */
export type ScoreMatrix = readonly (readonly (Scores | undefined)[])[];

/** What the page shows beside each other; the service's names. */
export const MODES = ['dense', 'sparse', 'colbert', 'colbert+sparse+dense'] as const;
export type Mode = (typeof MODES)[number];
export const COLUMNS = ['dense', 'sparse', 'colbert', 'sparse+dense', 'colbert+sparse+dense'] as const;

export const MODE_NAMES = {
  dense: 'Dense',
  sparse: 'Sparse',
  colbert: 'ColBERT',
  'sparse+dense': 'Sparse + dense',
  'colbert+sparse+dense': 'Hybrid',
} as const;

/** As the service computes and prints it. */
export const scoreOf = (scores: Scores, column: (typeof COLUMNS)[number], weights: ModeWeights): number =>
  printed({ ...scores, ...combineScores(scores.dense, scores.sparse, scores.colbert, weights) }[column]);

/** The number that the service prints for a float64: the shortest of its float32. */
export const printed = (value: number): number => shortestFloat32(Math.fround(value));

/** Milliseconds of arithmetic between two chances for the page to answer its reader. */
const SLICE_MS = 12;
/** Of floats in one ColBERT score, some ten milliseconds. */
const UNPAUSED_PRODUCTS = 10e6;

/**
 * All pairs, by the service's own code and hence to the same bits; `onScores` is told of the matrix as it fills.
 *
 * @throws The signal's reason.
 */
export async function scoreAll(
  embedded: readonly Embedded[],
  onScores: (matrix: ScoreMatrix) => void,
  signal: AbortSignal,
): Promise<void> {
  const matrix: (Scores | undefined)[][] = embedded.map(() => embedded.map(() => undefined));
  let sliceEndsMs = performance.now() + SLICE_MS;
  const pause = async () => {
    if (performance.now() < sliceEndsMs) return;
    await new Promise((resolve) => setTimeout(resolve));
    signal.throwIfAborted();
    sliceEndsMs = performance.now() + SLICE_MS;
  };
  for (const [q, query] of embedded.entries()) {
    for (const [p, passage] of embedded.entries()) {
      matrix[q]![p] = {
        dense: denseScore(query.dense!, passage.dense!),
        sparse: lexicalScore(query.lexicalWeights!, passage.lexicalWeights!),
        colbert: await colbertScore(query.colbert!, passage.colbert!, pause),
      };
      await pause();
    }
    onScores(matrix.map((row) => [...row]));
  }
}

/** The same bits as `maxSim`, with pauses where it would take long: 8,192 tokens with as many take a minute. */
async function colbertScore(
  query: readonly Float32Array[],
  passage: readonly Float32Array[],
  pause: () => Promise<void>,
): Promise<number> {
  const width = query[0]?.length ?? 0;
  if (query.length * passage.length * width <= UNPAUSED_PRODUCTS) return maxSim(flat(query), flat(passage), width);
  let sum = 0;
  for (const row of query) {
    sum += bestDot(row, passage);
    await pause();
  }
  return sum / query.length;
}

/** How close the closest row comes. */
export const bestDot = (row: Float32Array, rows: readonly Float32Array[]): number =>
  rows.reduce((best, other) => Math.max(best, denseScore(row, other)), Number.NEGATIVE_INFINITY);

export function flat(rows: readonly Float32Array[]): Float32Array {
  const width = rows[0]?.length ?? 0;
  const all = new Float32Array(rows.length * width);
  for (const [index, row] of rows.entries()) all.set(row, index * width);
  return all;
}
