import { Hono } from 'hono';
import type { InferOutput } from 'valibot';
import { computeScores, type ScoreOptions } from '../compute-score.ts';
import type { Embedder, EmbedOptions } from '../embedder.ts';
import { ServiceError } from '../errors.ts';
import { shortestFloat32 } from '../float32-text.ts';
import { LIMITS } from '../limits.ts';
import type { AppEnv, RouteDeps } from './deps.ts';
import { encodeAnswer, encodeLines, planAnswer } from './encode-answer.ts';
import { encodeEvents } from './encode-events.ts';
import { errorBody, errorHandler, nativeError, toServiceError } from './error-response.ts';
import { readJsonBody } from './json-body.ts';
import { type EstimateRequest, encode, estimate, type ScoreRequest, score } from './native-schema.ts';
import { serve } from './operation.ts';
import { parseRequest } from './parse-request.ts';
import { openStoredPassage } from './stored-passage.ts';
import { textStream, withFirst } from './text-stream.ts';

/** FlagEmbedding's `encode` and `compute_score` over HTTP; docs/api.md describes requests and answers. */
export function nativeRoutes({ access, log }: RouteDeps) {
  const routes = new Hono<AppEnv>();
  routes.onError(errorHandler(log, nativeError));

  serve(routes, encode, access, async (c) => {
    const request = parseRequest(encode.request, await readJsonBody(c.req.raw));
    const { texts, options } = planEncode(request);
    const embedder = await c.var.openEmbedder();
    const plan = planAnswer(request, embedder, texts.length);
    const { signal } = c.req.raw;

    c.header('x-embedding-fingerprint', embedder.fingerprint);
    const lossy = plan.format.lossy ?? [];
    if (lossy.length > 0) c.header('x-embedding-lossy', lossy.join()); // records have no place for it
    const explain = (error: unknown) => {
      const requestId = c.get('requestId');
      return errorBody(toServiceError(error, requestId, log), requestId);
    };
    const accept = c.req.header('accept') ?? '';
    if (accept.includes('text/event-stream')) {
      const events = encodeEvents(embedder, texts, options, plan, explain, signal);
      const first = await events.next(); // a request that is refused is refused with its status
      return c.body(textStream(withFirst(first, events)), 200, { 'content-type': 'text/event-stream' });
    }
    if (accept.includes('application/x-ndjson')) {
      const embeddings = embedder.embedEach(texts, { ...options, streamColbert: true }, signal);
      const first = await embeddings.next(); // as above
      const lines = encodeLines(withFirst(first, embeddings), plan, explain);
      return c.body(textStream(lines), 200, { 'content-type': 'application/x-ndjson' });
    }
    // One JSON object holds every text's dense vectors before the first ColBERT row, so all of them wait in memory.
    const embeddings = await embedder.embed(texts, { ...options, answerBytes: LIMITS.answerBytes }, signal);
    return c.body(textStream(encodeAnswer(embeddings, plan)), 200, { 'content-type': 'application/json' });
  });

  serve(routes, estimate, access, async (c) => {
    const request = parseRequest(estimate.request, await readJsonBody(c.req.raw));
    const { texts, options } = planEncode(request);
    const embedder = await c.var.openEmbedder();
    const { tokens, passes, cpuMs, fits } = embedder.estimate(texts, options);
    return c.json({ tokens, passes, cpu_ms: cpuMs, fits });
  });

  serve(routes, score, access, async (c) => {
    const request = parseRequest(score.request, await readJsonBody(c.req.raw, LIMITS.vectorBodyBytes));
    checkPairs(request);
    const embedder = await c.var.openEmbedder();
    const { pairs, paramOf } = planPairs(request, embedder);
    const options: ScoreOptions = {
      truncate: request.truncate,
      paramOf,
      ...(request.weights_for_different_modes && { weights: request.weights_for_different_modes }),
      ...(request.max_query_length && { maxQueryLength: request.max_query_length }),
      ...(request.max_passage_length && { maxPassageLength: request.max_passage_length }),
    };
    const { scores, tokens, truncated } = await computeScores(embedder, pairs, options, c.req.raw.signal);
    const column = (name: keyof (typeof scores)[number]) =>
      scores.map((pair) => shortestFloat32(Math.fround(pair[name])));

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

/** @throws ServiceError `bad_request` where there are no pairs, or two kinds of them. */
function checkPairs({ sentence_pairs, query, passages }: InferOutput<typeof ScoreRequest>): void {
  if (sentence_pairs && query === undefined && !passages) return;
  if (query !== undefined && passages && !sentence_pairs) return;
  throw new ServiceError('bad_request', 'send either sentence_pairs, or query and passages', {
    param:
      sentence_pairs || (query === undefined && !passages)
        ? 'sentence_pairs'
        : query === undefined
          ? 'query'
          : 'passages',
  });
}

function planPairs(
  { sentence_pairs, query = '', passages = [] }: InferOutput<typeof ScoreRequest>,
  embedder: Embedder,
) {
  if (sentence_pairs) {
    const paramOf = (pair: number, side: 0 | 1) => `sentence_pairs[${pair}][${side}]`;
    return { pairs: sentence_pairs, paramOf };
  }
  const paramOf = (pair: number, side: 0 | 1) => (side === 0 ? 'query' : `passages[${pair}]`);
  const pairs = passages.map((passage, index) => {
    if (typeof passage === 'string') return [query, passage] as const;
    return [
      query,
      openStoredPassage(passage, paramOf(index, 1), { dense: true, sparse: true, colbert: true }, embedder),
    ] as const;
  });
  return { pairs, paramOf };
}
