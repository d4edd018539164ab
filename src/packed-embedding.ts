import type { Embedding } from './embedder.ts';

/**
 * Bytes of an embedding, for a cache that only this code reads: a word for the header's bytes, a JSON header padded to whole words, then words
 * of 4 bytes in the order of the header. Whether a text was cut is in the header.
 */
interface Header {
  readonly truncated: boolean;
  readonly tokens: number;
  /** Words of each part; absent parts have none. */
  readonly dense?: number;
  readonly sparse?: number;
  readonly colbert?: number;
  readonly hiddenState?: number;
}

const WORD = 4;

/** @param embedding Without `colbertBlocks`. */
export function packEmbedding(embedding: Embedding): ArrayBuffer {
  const { tokenIds, truncated, dense, lexicalWeights, colbert, hiddenState } = embedding;
  const header: Header = {
    truncated,
    tokens: tokenIds.length,
    ...(dense && { dense: dense.length }),
    ...(lexicalWeights && { sparse: lexicalWeights.size }),
    ...(colbert && { colbert: colbert.length }),
    ...(hiddenState && { hiddenState: hiddenState.length }),
  };
  const json = JSON.stringify(header);
  const headerBytes = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / WORD) * WORD));
  const arrays = [
    Uint32Array.of(headerBytes.length),
    headerBytes,
    tokenIds,
    ...(dense ? [dense] : []),
    ...(lexicalWeights ? [Uint32Array.from(lexicalWeights.keys()), Float32Array.from(lexicalWeights.values())] : []),
    ...(colbert ? [colbert] : []),
    ...(hiddenState ? [hiddenState] : []),
  ];
  const bytes = new Uint8Array(arrays.reduce((sum, array) => sum + array.byteLength, 0));
  let offset = 0;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), offset);
    offset += array.byteLength;
  }
  return bytes.buffer;
}

/** @returns Views of `bytes`; undefined where they are not what `packEmbedding` gives, as after a change of it. */
export function unpackEmbedding(bytes: ArrayBuffer): Embedding | undefined {
  try {
    const headerBytes = new Uint32Array(bytes, 0, 1)[0]!;
    const header: Header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, WORD, headerBytes)));
    let offset = WORD + headerBytes;
    const next = <View>(View: new (bytes: ArrayBuffer, offset: number, words: number) => View, words: number) => {
      const view = new View(bytes, offset, words);
      offset += WORD * words;
      return view;
    };
    const maybeFloats = (words: number | undefined) => (words === undefined ? undefined : next(Float32Array, words));
    const tokenIds = next(Uint32Array, header.tokens);
    const dense = maybeFloats(header.dense);
    const sparseIds = header.sparse === undefined ? undefined : next(Uint32Array, header.sparse);
    const weights = maybeFloats(header.sparse);
    const colbert = maybeFloats(header.colbert);
    const hiddenState = maybeFloats(header.hiddenState);
    if (offset !== bytes.byteLength) return undefined;
    return {
      tokenIds,
      truncated: header.truncated,
      ...(dense && { dense }),
      ...(sparseIds && { lexicalWeights: new Map(Array.from(sparseIds, (id, i) => [id, weights![i]!])) }),
      ...(colbert && { colbert }),
      ...(hiddenState && { hiddenState }),
    };
  } catch {
    return undefined;
  }
}
