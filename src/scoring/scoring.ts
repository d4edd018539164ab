/** Inner product; of two unit vectors their cosine. */
export function denseScore(query: Float32Array, passage: Float32Array): number {
  return dot(query, 0, passage, 0, query.length);
}

/** Sum over the token ids that both have of the product of their weights. */
export function lexicalScore(query: ReadonlyMap<number, number>, passage: ReadonlyMap<number, number>): number {
  let score = 0;
  for (const [id, weight] of query) score += weight * (passage.get(id) ?? 0);
  return score;
}

/**
 * MaxSim late interaction: mean over query tokens of the best-matching passage token.
 *
 * @param query `[queryTokens, width]` row-major, rows L2-normalised, row of `<s>` removed.
 * @param passage `[passageTokens, width]`, same conditions.
 * @returns Score in [-1, 1]; 0 if either side has no tokens.
 * @see FlagEmbedding `EncoderOnlyEmbedderM3Model.compute_colbert_score`, without the floor at 0 that padding adds there.
 */
export function maxSim(query: Float32Array, passage: Float32Array, width: number): number {
  const queryTokens = query.length / width;
  if (queryTokens === 0 || passage.length === 0) return 0;
  let sum = 0;
  for (let q = 0; q < query.length; q += TILE_ROWS * width) {
    const best = bestDots(query, q, passage, width);
    for (let row = 0; row < TILE_ROWS && q + row * width < query.length; row++) sum += best[row]!;
  }
  return sum / queryTokens;
}

const TILE_ROWS = 4;

/**
 * Four query rows' largest inner products, where there are so many rows. Eight sums at a time, as a processor adds several numbers while one
 * addition takes its course: half the time of one by one, and the same bits.
 */
function bestDots(query: Float32Array, q: number, passage: Float32Array, width: number): readonly number[] {
  const [lastQuery, lastPassage] = [query.length - width, passage.length - width];
  const rowAt = (row: number) => Math.min(q + row * width, lastQuery);
  const [q1, q2, q3] = [rowAt(1), rowAt(2), rowAt(3)];
  let best0 = Number.NEGATIVE_INFINITY;
  let best1 = best0;
  let best2 = best0;
  let best3 = best0;
  for (let p = 0; p < passage.length; p += 2 * width) {
    const p1 = Math.min(p + width, lastPassage);
    let s00 = 0;
    let s01 = 0;
    let s10 = 0;
    let s11 = 0;
    let s20 = 0;
    let s21 = 0;
    let s30 = 0;
    let s31 = 0;
    for (let i = 0; i < width; i++) {
      const x = passage[p + i]!;
      const y = passage[p1 + i]!;
      const a = query[q + i]!;
      const b = query[q1 + i]!;
      const c = query[q2 + i]!;
      const d = query[q3 + i]!;
      s00 += a * x;
      s01 += a * y;
      s10 += b * x;
      s11 += b * y;
      s20 += c * x;
      s21 += c * y;
      s30 += d * x;
      s31 += d * y;
    }
    best0 = Math.max(best0, s00, s01);
    best1 = Math.max(best1, s10, s11);
    best2 = Math.max(best2, s20, s21);
    best3 = Math.max(best3, s30, s31);
  }
  return [best0, best1, best2, best3];
}

function dot(a: Float32Array, aStart: number, b: Float32Array, bStart: number, width: number): number {
  let sum = 0;
  for (let i = 0; i < width; i++) sum += a[aStart + i]! * b[bStart + i]!;
  return sum;
}

/** Weights of [dense, sparse, ColBERT]. */
export type ModeWeights = readonly [dense: number, sparse: number, colbert: number];

export const DEFAULT_MODE_WEIGHTS: ModeWeights = [1, 1, 1];

/** The five scores of one pair, under FlagEmbedding's names. */
export interface PairScores {
  readonly dense: number;
  readonly sparse: number;
  readonly colbert: number;
  readonly 'sparse+dense': number;
  readonly 'colbert+sparse+dense': number;
}

/** What `scorePair` looks at of a text. */
export interface ScoredText {
  readonly dense: Float32Array;
  readonly lexicalWeights: ReadonlyMap<number, number>;
  readonly colbert: Float32Array;
}

/**
 * @param maxSimOf Default the one above; an embedder has a faster one with the same bits.
 * @see FlagEmbedding `BGEM3FlagModel.compute_score`
 */
export function scorePair(
  query: ScoredText,
  passage: ScoredText,
  colbertSize: number,
  weights = DEFAULT_MODE_WEIGHTS,
  maxSimOf: (query: Float32Array, passage: Float32Array) => number = (q, p) => maxSim(q, p, colbertSize),
): PairScores {
  const dense = denseScore(query.dense, passage.dense);
  const sparse = lexicalScore(query.lexicalWeights, passage.lexicalWeights);
  const colbert = maxSimOf(query.colbert, passage.colbert);
  return { dense, sparse, colbert, ...combineScores(dense, sparse, colbert, weights) };
}

/** The two weighted means; 0 where the weights of a mean are all 0. */
export function combineScores(dense: number, sparse: number, colbert: number, [w0, w1, w2]: ModeWeights) {
  return {
    'sparse+dense': (w1 * sparse + w0 * dense) / (w0 + w1 || 1),
    'colbert+sparse+dense': (w2 * colbert + w1 * sparse + w0 * dense) / (w0 + w1 + w2 || 1),
  };
}
