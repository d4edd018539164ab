import { Hono } from 'hono';
import type { InferOutput } from 'valibot';
import { computeScores, type ScoreOptions } from '../compute-score.ts';
import type { Embedder, Embedding, EmbedOptions } from '../embedder.ts';
import { type EmbeddingFormat, embeddingColumns, embeddingLine } from '../embedding-json.ts';
import { ServiceError } from '../errors.ts';
import { shortestFloat32 } from '../float32-text.ts';
import { LIMITS } from '../limits.ts';
import type { AppEnv, RouteDeps } from './deps.ts';
import { encodeEvents } from './encode-events.ts';
import { errorBody, toServiceError } from './error-response.ts';
import { readJsonBody } from './json-body.ts';
import { EncodeRequest, EstimateRequest, ScoreRequest } from './native-schema.ts';
import { parseRequest } from './parse-request.ts';
import { textStream } from './text-stream.ts';

/** FlagEmbedding's `encode` and `compute_score` over HTTP; docs/api.md describes requests and answers. */
export function nativeRoutes({ getEmbedder, log }: RouteDeps) {
  const routes = new Hono<AppEnv>();

  routes.post('/encode', async (c) => {
    const request = parseRequest(EncodeRequest, await readJsonBody(c.req.raw));
    const { texts, options } = planEncode(request);
    const embedder = await getEmbedder();
    const format = {
      encoding: request.encoding_format,
      colbertSize: embedder.manifest.architecture.colbertSize,
    };
    const { signal } = c.req.raw;

    c.header('x-embedding-fingerprint', embedder.fingerprint);
    const explain = (error: unknown) => {
      const requestId = c.get('requestId');
      return errorBody(toServiceError(error, requestId, log), requestId);
    };
    const accept = c.req.header('accept') ?? '';
    if (accept.includes('text/event-stream')) {
      const events = encodeEvents(embedder, texts, options, format, explain, signal);
      const first = await events.next(); // a request that is refused is refused with its status
      return c.body(textStream(withFirst(first, events)), 200, { 'content-type': 'text/event-stream' });
    }
    if (accept.includes('application/x-ndjson')) {
      const embeddings = embedder.embedEach(texts, { ...options, streamColbert: true }, signal);
      const first = await embeddings.next(); // a request that is refused is refused with its status
      const lines = ndjsonLines(first, embeddings, format, explain);
      return c.body(textStream(lines), 200, { 'content-type': 'application/x-ndjson' });
    }
    // One JSON object holds every text's dense vectors before the first ColBERT row, so all of them wait in memory.
    const embeddings = await embedder.embed(texts, { ...options, answerBytes: LIMITS.answerBytes }, signal);
    return c.body(textStream(encodeAnswer(embedder, embeddings, format)), 200, { 'content-type': 'application/json' });
  });

  routes.post('/estimate', async (c) => {
    const request = parseRequest(EstimateRequest, await readJsonBody(c.req.raw));
    const { texts, options } = planEncode(request);
    const embedder = await getEmbedder();
    const { tokens, passes, cpuMs, fits } = embedder.estimate(texts, options);
    return c.json({ tokens, passes, cpu_ms: cpuMs, fits });
  });

  routes.post('/score', async (c) => {
    const request = parseRequest(ScoreRequest, await readJsonBody(c.req.raw));
    const { pairs, paramOf } = planPairs(request);
    const embedder = await getEmbedder();
    const options: ScoreOptions = {
      truncate: request.truncate,
      paramOf,
      ...(request.weights_for_different_modes && { weights: request.weights_for_different_modes }),
      ...(request.max_query_length && { maxQueryLength: request.max_query_length }),
      ...(request.max_passage_length && { maxPassageLength: request.max_passage_length }),
    };
    const { scores, tokens, truncated } = await computeScores(embedder, pairs, options, c.req.raw.signal);
    const column = (name: keyof (typeof scores)[number]) =>
      scores.map((score) => shortestFloat32(Math.fround(score[name])));

    c.header('x-embedding-fingerprint', embedder.fingerprint);
    return c.json({
      dense: column('dense'),
      sparse: column('sparse'),
      colbert: column('colbert'),
      'sparse+dense': column('sparse+dense'),
      'colbert+sparse+dense': column('colbert+sparse+dense'),
      model: embedder.manifest.model.name,
      fingerprint: embedder.fingerprint,
      usage: { tokens, truncated },
    });
  });

  return routes;
}

function planEncode(request: InferOutput<typeof EstimateRequest>): { texts: string[]; options: EmbedOptions } {
  const { texts, return_dense: dense, return_sparse: sparse, return_colbert_vecs: colbert, max_length } = request;
  if (!dense && !sparse && !colbert) {
    throw new ServiceError('bad_request', 'return_dense is false and nothing else is asked for', {
      param: 'return_dense',
    });
  }
  const options: EmbedOptions = {
    dense,
    sparse,
    colbert,
    truncate: request.truncate,
    pooling: request.pooling,
    ...(max_length !== undefined && { maxTokens: max_length }),
    ...(request.instruction !== undefined && { instruction: request.instruction }),
    ...(typeof texts === 'string' && { paramOf: () => 'texts' }),
  };
  return { texts: typeof texts === 'string' ? [texts] : texts, options };
}

function planPairs({ sentence_pairs, query, passages }: InferOutput<typeof ScoreRequest>) {
  if (sentence_pairs && query === undefined && !passages) {
    const paramOf = (pair: number, side: 0 | 1) => `sentence_pairs[${pair}][${side}]`;
    return { pairs: sentence_pairs, paramOf };
  }
  if (query !== undefined && passages && !sentence_pairs) {
    const paramOf = (pair: number, side: 0 | 1) => (side === 0 ? 'query' : `passages[${pair}]`);
    return { pairs: passages.map((passage) => [query, passage] as const), paramOf };
  }
  throw new ServiceError('bad_request', 'send either sentence_pairs, or query and passages', {
    param:
      sentence_pairs || (query === undefined && !passages)
        ? 'sentence_pairs'
        : query === undefined
          ? 'query'
          : 'passages',
  });
}

function* encodeAnswer(embedder: Embedder, embeddings: Embedding[], format: EmbeddingFormat): Generator<string> {
  const { model } = embedder.manifest;
  yield `{"model":${JSON.stringify(model.name)},"fingerprint":"${embedder.fingerprint}",`;
  yield* embeddingColumns(embeddings, format);
  yield '}';
}

async function* withFirst<T>(first: IteratorResult<T>, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  if (!first.done) yield first.value;
  yield* rest;
}

/** An error after the first line becomes the last line: the status has been sent. */
async function* ndjsonLines(
  first: IteratorResult<Embedding>,
  rest: AsyncGenerator<Embedding>,
  format: EmbeddingFormat,
  explain: (error: unknown) => unknown,
): AsyncGenerator<string> {
  let index = 0;
  try {
    if (!first.done) yield* embeddingLine(index++, first.value, format);
    for await (const embedding of rest) yield* embeddingLine(index++, embedding, format);
  } catch (error) {
    yield `${JSON.stringify(explain(error))}\n`;
  } finally {
    await rest.return(undefined); // where the caller stopped reading, the engine is given back at once
  }
}
