import type { Embedding } from './embedder.ts';
import { float32Json } from './float32-text.ts';
import { lexicalWeightsJson } from './sparse-json.ts';
import { type VectorEncoding, vectorJson } from './vector-json.ts';

/** What an embedding's JSON depends on beside the embedding. */
export interface EmbeddingFormat {
  readonly encoding: VectorEncoding;
  /** Floats a ColBERT row. */
  readonly colbertSize: number;
  /** Prints lexical weights; default `{"83":0.081,"4865":0.083}`. */
  readonly sparse?: (weights: ReadonlyMap<number, number>) => string;
  /** Names of what was left out of the model's outputs; absent or empty: nothing. */
  readonly lossy?: readonly string[];
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
  yield `{"index":${index}`;
  yield* embeddingFields(embedding, format);
}

/** What such a line has after its first field: `,"dense_vecs":[..],...,"tokens":12,"truncated":false}` and a newline. */
export async function* embeddingFields(embedding: Embedding, format: EmbeddingFormat): AsyncGenerator<string> {
  const { dense, lexicalWeights, colbert, colbertBlocks, tokenIds, truncated } = embedding;
  const { sparse = lexicalWeightsJson, lossy = [] } = format;
  if (dense) yield `,"dense_vecs":${vectorJson(dense, format.encoding)}`;
  if (lexicalWeights) yield `,"lexical_weights":${sparse(lexicalWeights)}`;
  const rows = colbert ? [colbert] : colbertBlocks;
  if (rows) {
    yield ',"colbert_vecs":';
    yield* colbertRowsJson(rows, format);
  }
  yield `,"tokens":${tokenIds.length},"truncated":${truncated}`;
  yield lossy.length > 0 ? `,"lossy":${JSON.stringify(lossy)}}\n` : '}\n';
}

/** All texts' parts, FlagEmbedding's keys: `"dense_vecs":[..],"lexical_weights":[..],"colbert_vecs":[..],"usage":{..}`, without braces. */
export async function* embeddingColumns(
  embeddings: readonly Embedding[],
  format: EmbeddingFormat,
): AsyncGenerator<string> {
  const first = embeddings[0];
  const { sparse = lexicalWeightsJson } = format;
  if (first?.dense) {
    yield* column('dense_vecs', embeddings, ({ dense }) => [vectorJson(dense!, format.encoding)]);
    yield ',';
  }
  if (first?.lexicalWeights) {
    yield* column('lexical_weights', embeddings, ({ lexicalWeights }) => [sparse(lexicalWeights!)]);
    yield ',';
  }
  if (first?.colbert) {
    yield* column('colbert_vecs', embeddings, ({ colbert }) => colbertRowsJson([colbert!], format));
    yield ',';
  }
  yield usageJson(embeddings);
}

/** `"usage":{"tokens":[12],"truncated":[false]}` */
export function usageJson(embeddings: readonly Embedding[]): string {
  const tokens = embeddings.map(({ tokenIds }) => tokenIds.length);
  const truncated = embeddings.map((embedding) => embedding.truncated);
  return `"usage":${JSON.stringify({ tokens, truncated })}`;
}

/** A JSON list, an element an item. */
export async function* listJson<Item>(
  items: Iterable<Item>,
  pieces: (item: Item, index: number) => Iterable<string> | AsyncIterable<string>,
): AsyncGenerator<string> {
  let index = 0;
  yield '[';
  for (const item of items) {
    if (index > 0) yield ',';
    yield* pieces(item, index++);
  }
  yield ']';
}

async function* column(
  name: string,
  embeddings: readonly Embedding[],
  pieces: (embedding: Embedding) => Iterable<string> | AsyncIterable<string>,
): AsyncGenerator<string> {
  yield `"${name}":`;
  yield* listJson(embeddings, pieces);
}

/** Blocks of whole rows as one list of rows, a piece a row. */
export async function* colbertRowsJson(
  blocks: Iterable<Float32Array> | AsyncIterable<Float32Array>,
  { encoding, colbertSize }: Pick<EmbeddingFormat, 'encoding' | 'colbertSize'>,
): AsyncGenerator<string> {
  let separator = '[';
  for await (const rows of blocks) {
    for (let start = 0; start < rows.length; start += colbertSize) {
      yield separator + vectorJson(rows, encoding, start, start + colbertSize);
      separator = ',';
    }
  }
  yield separator === '[' ? '[]' : ']';
}

/** The same as an object by row number: `{"0":[..],"1":[..]}`. */
export async function* colbertMapJson(
  blocks: Iterable<Float32Array> | AsyncIterable<Float32Array>,
  colbertSize: number,
): AsyncGenerator<string> {
  let row = 0;
  for await (const rows of blocks) {
    for (let start = 0; start < rows.length; start += colbertSize) {
      yield `${row === 0 ? '{' : ','}"${row}":${float32Json(rows, start, start + colbertSize)}`;
      row++;
    }
  }
  yield row === 0 ? '{}' : '}';
}
