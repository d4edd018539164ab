import type { InferOutput } from 'valibot';
import type { Embedder, Embedding } from '../embedder.ts';
import { type EmbeddingFormat, embeddingColumns, embeddingLine, listJson, usageJson } from '../embedding-json.ts';
import { ServiceError } from '../errors.ts';
import { sparseJson } from '../sparse-json.ts';
import { type RecordOptions, storeRecord, storeTakes } from '../store-records.ts';
import { type Trim, trimEmbedding } from '../trim-embedding.ts';
import type { EncodeRequest } from './native-schema.ts';

/** How an /encode request wants its answer. */
export interface AnswerPlan {
  readonly model: string;
  readonly fingerprint: string;
  readonly format: EmbeddingFormat;
  /** Applied before anything is printed. */
  readonly trim: (embedding: Embedding) => Embedding;
  /** Prints records in place of FlagEmbedding's keys. */
  readonly record?: (index: number, embedding: Embedding, separator: string) => AsyncGenerator<string>;
}

/** @throws ServiceError `bad_request` where two fields exclude each other, or the model is smaller than what is asked of it. */
export function planAnswer(
  request: InferOutput<typeof EncodeRequest>,
  { fingerprint, manifest, tokenizer }: Embedder,
  textCount: number,
): AnswerPlan {
  const { dimensions, top_k: topK, min_weight: minWeight, format: store, ids } = request;
  const { architecture, model } = manifest;
  checkStore(request, textCount);
  checkDimensions(dimensions, architecture.hiddenSize);
  const lossy = lossyFields(request, architecture.hiddenSize);
  const trim: Trim = { dimensions, topK, minWeight };
  const colbertSize = Math.min(dimensions ?? architecture.colbertSize, architecture.colbertSize);
  const options: Omit<RecordOptions, 'store' | 'separator'> = { fingerprint, tokenizer, colbertSize };
  return {
    model: model.name,
    fingerprint,
    format: {
      encoding: request.encoding_format,
      colbertSize,
      sparse: (weights) => sparseJson(weights, request.sparse_format ?? 'dict', tokenizer),
      lossy,
    },
    trim: (embedding) => trimEmbedding(embedding, trim, architecture.colbertSize),
    ...(store && {
      record: (index, embedding, separator) =>
        storeRecord(ids?.[index] ?? index, embedding, { ...options, store, separator }),
    }),
  };
}

/** @throws ServiceError `bad_request` where the model has fewer. */
export function checkDimensions(dimensions: number | null | undefined, hiddenSize: number): void {
  if (typeof dimensions === 'number' && dimensions > hiddenSize) {
    throw invalid('dimensions', `must be at most ${hiddenSize}, which the model has`);
  }
}

/** Fields by which something of what was asked for is left out. */
function lossyFields(request: InferOutput<typeof EncodeRequest>, hiddenSize: number): string[] {
  const { dimensions, top_k, min_weight, return_dense, return_colbert_vecs, return_sparse } = request;
  const cuts = dimensions !== undefined && dimensions < hiddenSize && (return_dense || return_colbert_vecs);
  return [
    ...(cuts ? ['dimensions'] : []),
    ...(return_sparse && top_k !== undefined ? ['top_k'] : []),
    ...(return_sparse && min_weight !== undefined && min_weight > 0 ? ['min_weight'] : []),
  ];
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function checkStore(request: InferOutput<typeof EncodeRequest>, textCount: number): void {
  const { format, ids, encoding_format, sparse_format } = request;
  if (!format) {
    if (ids) throw invalid('ids', 'are only for records: send format too');
    return;
  }
  if (encoding_format !== 'float') throw invalid('encoding_format', `must be float where format is ${format}`);
  if (sparse_format) throw invalid('sparse_format', `follows from format ${format}; leave it out`);
  if (request.return_sparse && !storeTakes(format, 'sparse')) {
    throw invalid('return_sparse', `is of no use: ${format} takes no sparse vectors`);
  }
  if (request.return_colbert_vecs && !storeTakes(format, 'colbert')) {
    throw invalid('return_colbert_vecs', `is of no use: ${format} takes no multi-vectors`);
  }
  if (ids && ids.length !== textCount) throw invalid('ids', `must be as many as texts: ${textCount}`);
  const strange = (ids ?? []).findIndex((id) => typeof id === 'string' && !UUID.test(id));
  if (format === 'qdrant' && strange >= 0) throw invalid(`ids[${strange}]`, 'must be a number or a UUID for qdrant');
}

const invalid = (param: string, problem: string) => new ServiceError('bad_request', `${param} ${problem}`, { param });

/** The answer as one JSON object. */
export async function* encodeAnswer(
  embeddings: readonly Embedding[],
  { model, fingerprint, format, trim, record }: AnswerPlan,
): AsyncGenerator<string> {
  yield `{"model":${JSON.stringify(model)},"fingerprint":"${fingerprint}",`;
  if (format.lossy?.length) yield `"lossy":${JSON.stringify(format.lossy)},`;
  if (record) {
    yield '"rows":';
    yield* listJson(embeddings, (embedding, index) => record(index, trim(embedding), ','));
    yield `,${usageJson(embeddings)}`;
  } else {
    yield* embeddingColumns(embeddings.map(trim), format);
  }
  yield '}';
}

/**
 * One text's line of NDJSON: a record is printed bare, as bulk files want it.
 *
 * @param separator Between the lines of a record that has several.
 */
export async function* encodeLine(
  index: number,
  embedding: Embedding,
  plan: AnswerPlan,
  separator = '\n',
): AsyncGenerator<string> {
  const trimmed = plan.trim(embedding);
  if (!plan.record) {
    yield* embeddingLine(index, trimmed, plan.format);
    return;
  }
  yield* plan.record(index, trimmed, separator);
  yield '\n';
}

/** A line a text. An error after the first becomes the last line: the status has been sent. */
export async function* encodeLines(
  embeddings: AsyncGenerator<Embedding>,
  plan: AnswerPlan,
  explain: (error: unknown) => unknown,
): AsyncGenerator<string> {
  let index = 0;
  try {
    for await (const embedding of embeddings) yield* encodeLine(index++, embedding, plan);
  } catch (error) {
    yield `${JSON.stringify(explain(error))}\n`;
  } finally {
    await embeddings.return(undefined); // where the caller stopped reading, the engine is given back at once
  }
}
