import { M3edgeError } from './errors.ts';

/** One text's outputs; parts not asked for are absent. */
export interface Embedded {
  /** Of the model: vectors of two must not be compared. */
  readonly fingerprint: string;
  /** Unit vector. */
  readonly dense?: Float32Array;
  /** Token id → weight > 0, ids ascending. */
  readonly lexicalWeights?: ReadonlyMap<number, number>;
  /** A unit row a token; that of `<s>` is left out. */
  readonly colbert?: readonly Float32Array[];
  readonly tokens: number;
  readonly truncated: boolean;
}

/** As /encode prints it with `encoding_format` base64. */
export interface WireEmbedding {
  readonly dense_vecs?: string;
  readonly lexical_weights?: Readonly<Record<string, number>>;
  readonly colbert_vecs?: readonly string[];
  readonly tokens: number;
  readonly truncated: boolean;
}

export function fromWire(wire: WireEmbedding, fingerprint: string): Embedded {
  const { dense_vecs, lexical_weights, colbert_vecs, tokens, truncated } = wire;
  return {
    fingerprint,
    ...(dense_vecs !== undefined && { dense: decodeVector(dense_vecs) }),
    ...(lexical_weights && {
      lexicalWeights: new Map(Object.entries(lexical_weights).map(([id, weight]) => [Number(id), Math.fround(weight)])),
    }),
    ...(colbert_vecs && { colbert: colbert_vecs.map(decodeVector) }),
    tokens,
    truncated,
  };
}

/** A passage of /score or a document of /rerank. */
export function toWire({ fingerprint, dense, lexicalWeights, colbert }: Embedded) {
  return {
    fingerprint,
    ...(dense && { dense_vecs: encodeVector(dense) }),
    ...(lexicalWeights && { lexical_weights: Object.fromEntries(lexicalWeights) }),
    ...(colbert && { colbert_vecs: colbert.map(encodeVector) }),
  };
}

/** @param base64 Of little-endian float32. */
function decodeVector(base64: string): Float32Array {
  if (typeof base64 !== 'string') throw new M3edgeError(200, 'unknown', 'the service answered with no base64');
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

function encodeVector(vector: Float32Array): string {
  const view = new DataView(new ArrayBuffer(4 * vector.length));
  vector.forEach((value, i) => {
    view.setFloat32(4 * i, value, true);
  });
  let binary = '';
  for (let i = 0; i < view.byteLength; i++) binary += String.fromCharCode(view.getUint8(i));
  return btoa(binary);
}
