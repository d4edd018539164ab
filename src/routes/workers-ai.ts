import { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Embedder, EmbedOptions } from '../embedder.ts';
import { type ErrorCode, ServiceError } from '../errors.ts';
import { shortestFloat32 } from '../float32-text.ts';
import { LIMITS } from '../limits.ts';
import { denseScore } from '../scoring/scoring.ts';
import type { AppEnv, RouteDeps } from './deps.ts';
import { errorHandler } from './error-response.ts';
import { readJsonBody, shortName } from './json-body.ts';
import { serve } from './operation.ts';
import { parseRequest } from './parse-request.ts';
import { AI_MODEL, type AiAnswer, AiContexts, AiQuery, AiTexts, runAi } from './workers-ai-schema.ts';

/** Workers AI's own codes; of failures on the other side it documents none, so those have their status. */
const ERRORS = {
  bad_request: [400, 5004],
  unauthorized: [401, 10000],
  forbidden: [403, 5018],
  not_found: [400, 5007],
  fingerprint_mismatch: [409, 5004],
  body_too_large: [413, 3006],
  unsupported_media_type: [415, 3003],
  empty_input: [400, 5004],
  input_too_long: [400, 5004],
  batch_too_large: [400, 5004],
  budget_exceeded: [413, 3006],
  overloaded: [429, 3040],
  rate_limited: [429, 3036],
  engine_numeric: [500, 500],
  internal: [500, 500],
  model_shard_missing: [503, 503],
  model_shard_corrupt: [503, 503],
  model_unavailable: [503, 503],
  store_unavailable: [503, 503],
} as const satisfies Record<ErrorCode, readonly [status: ContentfulStatusCode, code: number]>;

/** @see https://developers.cloudflare.com/workers-ai/platform/errors/ */
function aiError({ code: known, message }: ServiceError): Response {
  const [status, code] = ERRORS[known];
  return Response.json({ result: null, success: false, errors: [{ code, message }], messages: [] }, { status });
}

/** What the binding throws: its message begins with the code. */
export function toAiException({ code, message }: ServiceError): Error {
  return new Error(`${ERRORS[code][1]}: ${message}`);
}

/** Workers AI over HTTP, in the envelope of Cloudflare's API. */
export function workersAiRoutes({ access, log }: RouteDeps) {
  const routes = new Hono<AppEnv>();
  routes.onError(errorHandler(log, aiError));

  serve(routes, runAi, access, async (c) => {
    const input = await readJsonBody(c.req.raw);
    const embedder = await c.var.openEmbedder();
    c.header('x-embedding-fingerprint', embedder.fingerprint);
    const result = await runWorkersAi(embedder, AI_MODEL, input, { signal: c.req.raw.signal });
    return c.json({ result, success: true, errors: [], messages: [] });
  });
  routes.post('/ai/run/*', (c) => {
    throw noSuchModel(c.req.path.slice('/ai/run/'.length));
  });
  return routes;
}

const noSuchModel = (model: string) =>
  new ServiceError('not_found', `no such model ${shortName(model)}; ${AI_MODEL} is served`);

/** Of the binding's options those that change what it does; `gateway`, `tags` and others have no meaning here and none is needed. */
export interface WorkersAiOptions {
  readonly queueRequest?: boolean;
  readonly returnRawResponse?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * `env.AI.run(model, input, options)`.
 *
 * @throws ServiceError `not_found` where the model is another; as the embedder.
 */
export async function runWorkersAi(
  embedder: Embedder,
  model: string,
  input: unknown,
  { queueRequest, returnRawResponse, signal }: WorkersAiOptions = {},
): Promise<AiAnswer> {
  if (model !== AI_MODEL) throw noSuchModel(String(model));
  if (queueRequest) throw notHere('queueRequest', 'queues batches, which are not kept here; run each input');
  if (returnRawResponse) throw notHere('returnRawResponse', 'asks for a Response; over RPC there are values alone');
  refuseQueue(input);
  const has = (field: string) => typeof input === 'object' && input !== null && Object.hasOwn(input, field);
  const embed = async (texts: readonly string[], truncate: boolean, paramOf: EmbedOptions['paramOf'] & {}) => {
    const options = {
      dense: true,
      truncate,
      answerBytes: LIMITS.answerBytes,
      paramOf,
      truncateField: 'truncate_inputs',
    };
    return (await embedder.embed(texts, options, signal)).map(({ dense }) => dense!);
  };
  const { hiddenSize } = embedder.manifest.architecture;
  const print = (vectors: readonly Float32Array[]) => vectors.map((vector) => Array.from(vector, shortestFloat32));

  if (has('query')) {
    const { query, contexts, truncate_inputs } = parseRequest(AiQuery, input);
    const texts = [query, ...contexts.map(({ text }) => text)];
    const paramOf = (index: number) => (index === 0 ? 'query' : `contexts[${index - 1}].text`);
    const [first, ...others] = await embed(texts, truncate_inputs, paramOf);
    const score = (vector: Float32Array) => shortestFloat32(Math.fround(denseScore(first!, vector)));
    return { response: others.map((vector, id) => ({ id, score: score(vector) })) };
  }
  if (has('contexts')) {
    const { contexts, truncate_inputs } = parseRequest(AiContexts, input);
    const texts = contexts.map(({ text }) => text);
    const vectors = await embed(texts, truncate_inputs, (index) => `contexts[${index}].text`);
    return { response: print(vectors), shape: [vectors.length, hiddenSize], pooling: 'cls' };
  }
  const { text, truncate_inputs } = parseRequest(AiTexts, input);
  const texts = typeof text === 'string' ? [text] : text;
  const vectors = await embed(texts, truncate_inputs, (index) =>
    typeof text === 'string' ? 'text' : `text[${index}]`,
  );
  return { shape: [vectors.length, hiddenSize], data: print(vectors), pooling: 'cls' };
}

/** Workers AI's batches answer later, by an id; here there is nothing that would keep them. */
function refuseQueue(input: unknown): void {
  if (typeof input !== 'object' || input === null) return;
  const field = ['requests', 'request_id'].find((name) => Object.hasOwn(input, name));
  if (field) throw notHere(field, 'belongs to queued batches, which are not kept here; run each input');
}

const notHere = (param: string, problem: string) => new ServiceError('bad_request', `${param} ${problem}`, { param });
