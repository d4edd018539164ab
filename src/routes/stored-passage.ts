import * as v from 'valibot';
import type { ScoredParts, StoredPassage } from '../compute-score.ts';
import type { Embedder } from '../embedder.ts';
import { ServiceError } from '../errors.ts';
import type { ScoredText } from '../scoring/scoring.ts';
import { described } from './schema-parts.ts';

const storedVector = v.union([
  described(v.array(v.pipe(v.number(), v.finite('must be finite'))), 'encoding_format float'),
  described(v.string(), 'encoding_format base64'),
  described(
    v.strictObject({ scale: v.pipe(v.number(), v.finite('must be finite')), data: v.string() }),
    'encoding_format int8',
  ),
]);
type StoredVector = v.InferOutput<typeof storedVector>;

/** One text's part of an /encode answer, with the answer's fingerprint. */
export const storedPassage = v.strictObject({
  fingerprint: v.pipe(v.string(), v.maxLength(64, 'is too long')),
  dense_vecs: v.optional(storedVector),
  lexical_weights: v.optional(
    v.record(
      v.pipe(v.string(), v.regex(/^\d{1,10}$/, 'is no token id')),
      v.pipe(v.number(), v.finite('must be finite'), v.minValue(0, 'must not be negative')),
    ),
  ),
  colbert_vecs: v.optional(v.array(storedVector)),
});

/**
 * Checks a passage's vectors; they are decoded anew whenever they are compared, as a request may hold more of them than an isolate has room for.
 *
 * @param param Where the passage stands in the request.
 * @param parts What it will be compared by, and so must have.
 * @throws ServiceError `fingerprint_mismatch`; `bad_request` where a part is missing, or is not of this model's size.
 */
export function openStoredPassage(
  passage: v.InferOutput<typeof storedPassage>,
  param: string,
  parts: ScoredParts,
  { fingerprint, manifest: { architecture } }: Embedder,
): StoredPassage {
  if (passage.fingerprint !== fingerprint) {
    throw new ServiceError(
      'fingerprint_mismatch',
      `${param} was embedded by a model with another fingerprint than ${fingerprint}; embed it again`,
      { param: `${param}.fingerprint` },
    );
  }
  const need = <Part>(part: Part | undefined, name: string): Part => {
    if (part === undefined) throw invalid(`${param}.${name}`, 'is missing, and is what passages are compared by');
    return part;
  };
  const read = (): Partial<ScoredText> => ({
    ...(parts.dense && {
      dense: readVector(need(passage.dense_vecs, 'dense_vecs'), `${param}.dense_vecs`, architecture.hiddenSize),
    }),
    ...(parts.sparse && {
      lexicalWeights: readWeights(
        need(passage.lexical_weights, 'lexical_weights'),
        `${param}.lexical_weights`,
        architecture.vocabularySize,
      ),
    }),
    ...(parts.colbert && {
      colbert: readRows(need(passage.colbert_vecs, 'colbert_vecs'), `${param}.colbert_vecs`, architecture.colbertSize),
    }),
  });
  read();
  return { read };
}

function readRows(rows: readonly StoredVector[], param: string, width: number): Float32Array {
  const floats = new Float32Array(rows.length * width);
  for (const [row, vector] of rows.entries()) floats.set(readVector(vector, `${param}[${row}]`, width), row * width);
  return floats;
}

function readVector(vector: StoredVector, param: string, size: number): Float32Array {
  const floats = decode(vector, param);
  if (floats.length !== size) throw invalid(param, `has ${floats.length} dimensions, the model has ${size}`);
  if (!floats.every(Number.isFinite)) throw invalid(param, 'holds a number that is not finite');
  return floats;
}

function decode(vector: StoredVector, param: string): Float32Array {
  if (typeof vector === 'string') {
    const bytes = base64Bytes(vector, param);
    if (bytes.length % 4 > 0) throw invalid(param, 'is not base64 of float32');
    const view = new DataView(bytes.buffer);
    return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
  }
  if ('scale' in vector) {
    const codes = new Int8Array(base64Bytes(vector.data, `${param}.data`).buffer);
    return Float32Array.from(codes, (code) => code * vector.scale);
  }
  return Float32Array.from(vector);
}

function base64Bytes(base64: string, param: string): Uint8Array {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    throw invalid(param, 'is not base64');
  }
}

function readWeights(weights: Readonly<Record<string, number>>, param: string, vocabularySize: number) {
  const entries = Object.entries(weights).map(([id, weight]) => [Number(id), Math.fround(weight)] as const);
  if (entries.some(([id]) => id >= vocabularySize)) {
    throw invalid(param, `has a token id beyond the model's ${vocabularySize}`);
  }
  return new Map(entries);
}

const invalid = (param: string, problem: string) => new ServiceError('bad_request', `${param} ${problem}`, { param });
