import type { Embedding } from './embedder.ts';
import { ServiceError } from './errors.ts';

/** What is left out of an embedding; absent: nothing. */
export interface Trim {
  /** Floats kept of the dense vector and of each ColBERT row. M3 is not trained for it: what is cut off is lost. */
  readonly dimensions?: number | undefined;
  /** Lexical weights kept, the largest. */
  readonly topK?: number | undefined;
  /** Smallest lexical weight kept. */
  readonly minWeight?: number | undefined;
}

/**
 * @param colbertSize Floats a ColBERT row has.
 * @see FlagEmbedding `truncate_dim`, which cuts ColBERT rows too.
 */
export function trimEmbedding(embedding: Embedding, trim: Trim, colbertSize: number): Embedding {
  const { dimensions, topK, minWeight } = trim;
  const { dense, lexicalWeights, colbert, colbertBlocks } = embedding;
  const cutsColbert = dimensions !== undefined && dimensions < colbertSize;
  return {
    ...embedding,
    ...(dense && dimensions !== undefined && { dense: cutRows(dense, dense.length, dimensions) }),
    ...(lexicalWeights && { lexicalWeights: pruneWeights(lexicalWeights, topK, minWeight) }),
    ...(colbert && cutsColbert && { colbert: cutRows(colbert, colbertSize, dimensions) }),
    ...(colbertBlocks && cutsColbert && { colbertBlocks: cutBlocks(colbertBlocks, colbertSize, dimensions) }),
  };
}

async function* cutBlocks(blocks: AsyncIterable<Float32Array>, width: number, dimensions: number) {
  for await (const rows of blocks) yield cutRows(rows, width, dimensions);
}

/**
 * Keeps the first floats of each row and makes it a unit vector again.
 *
 * @param rows `[rows, width]`.
 * @returns `[rows, min(width, dimensions)]`.
 * @throws ServiceError `engine_numeric` where nothing but zeros is left of a row.
 */
export function cutRows(rows: Float32Array, width: number, dimensions: number): Float32Array {
  if (dimensions >= width) return rows;
  const cut = new Float32Array((rows.length / width) * dimensions);
  for (let from = 0, to = 0; from < rows.length; from += width, to += dimensions) {
    const row = rows.subarray(from, from + dimensions);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    if (length === 0) throw new ServiceError('engine_numeric', `the first ${dimensions} dimensions are all 0`);
    for (let i = 0; i < dimensions; i++) cut[to + i] = row[i]! / length;
  }
  return cut;
}

/** Of equal weights the smaller id stays. @returns Ids ascending, as they came. */
export function pruneWeights(
  weights: ReadonlyMap<number, number>,
  topK = Number.POSITIVE_INFINITY,
  minWeight = 0,
): ReadonlyMap<number, number> {
  const heavy = [...weights].filter(([, weight]) => weight >= minWeight);
  if (heavy.length <= topK) return new Map(heavy);
  const kept = heavy.toSorted(([a, x], [b, y]) => y - x || a - b).slice(0, topK);
  return new Map(kept.sort(([a], [b]) => a - b));
}
