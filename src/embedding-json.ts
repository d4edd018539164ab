import type { Embedding } from './embedder.ts';
import { shortestFloat32 } from './float32-text.ts';
import { type VectorEncoding, vectorJson } from './vector-json.ts';

/** What an embedding's JSON depends on beside the embedding. */
export interface EmbeddingFormat {
  readonly encoding: VectorEncoding;
  /** Floats a ColBERT row. */
  readonly colbertSize: number;
}

/**
 * One text's line, in pieces of at most a ColBERT row: `{"index":0,"dense_vecs":[..],...,"tokens":12,"truncated":false}`. Parts that were not
 * asked for are absent.
 */
export async function* embeddingLine(
  index: number,
  embedding: Embedding,
  format: EmbeddingFormat,
): AsyncGenerator<string> {
  const { dense, lexicalWeights, colbert, colbertBlocks, tokenIds, truncated } = embedding;
  yield `{"index":${index}`;
  if (dense) yield `,"dense_vecs":${vectorJson(dense, format.encoding)}`;
  if (lexicalWeights) yield `,"lexical_weights":${lexicalWeightsJson(lexicalWeights)}`;
  if (colbert) {
    yield ',"colbert_vecs":';
    yield* rowsJson(colbert, format);
  }
  if (colbertBlocks) {
    yield ',"colbert_vecs":';
    yield* blocksJson(colbertBlocks, format);
  }
  yield `,"tokens":${tokenIds.length},"truncated":${truncated}}\n`;
}

/** All texts' parts, FlagEmbedding's keys: `"dense_vecs":[..],"lexical_weights":[..],"colbert_vecs":[..],"usage":{..}`, without braces. */
export function* embeddingColumns(embeddings: readonly Embedding[], format: EmbeddingFormat): Generator<string> {
  const first = embeddings[0];
  if (first?.dense) {
    yield* column('dense_vecs', embeddings, ({ dense }) => [vectorJson(dense!, format.encoding)]);
    yield ',';
  }
  if (first?.lexicalWeights) {
    yield* column('lexical_weights', embeddings, ({ lexicalWeights }) => [lexicalWeightsJson(lexicalWeights!)]);
    yield ',';
  }
  if (first?.colbert) {
    yield* column('colbert_vecs', embeddings, ({ colbert }) => rowsJson(colbert!, format));
    yield ',';
  }
  const tokens = embeddings.map(({ tokenIds }) => tokenIds.length);
  const truncated = embeddings.map((embedding) => embedding.truncated);
  yield `"usage":${JSON.stringify({ tokens, truncated })}`;
}

function* column(
  name: string,
  embeddings: readonly Embedding[],
  pieces: (embedding: Embedding) => Iterable<string>,
): Generator<string> {
  yield `"${name}":[`;
  for (const [index, embedding] of embeddings.entries()) {
    if (index > 0) yield ',';
    yield* pieces(embedding);
  }
  yield ']';
}

function* rowsJson(rows: Float32Array, { encoding, colbertSize }: EmbeddingFormat): Generator<string> {
  yield '[';
  for (let start = 0; start < rows.length; start += colbertSize) {
    const row = vectorJson(rows, encoding, start, start + colbertSize);
    yield start > 0 ? `,${row}` : row;
  }
  yield ']';
}

async function* blocksJson(blocks: AsyncIterable<Float32Array>, { encoding, colbertSize }: EmbeddingFormat) {
  let separator = '[';
  for await (const rows of blocks) {
    for (let start = 0; start < rows.length; start += colbertSize) {
      yield separator + vectorJson(rows, encoding, start, start + colbertSize);
      separator = ',';
    }
  }
  yield ']';
}

/** Keys in the map's own order, which is ascending: `{"83":0.081,"4865":0.083}`. */
function lexicalWeightsJson(weights: ReadonlyMap<number, number>): string {
  return `{${[...weights].map(([id, weight]) => `"${id}":${shortestFloat32(weight)}`).join(',')}}`;
}
