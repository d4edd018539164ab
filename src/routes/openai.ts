import { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { InferOutput } from 'valibot';
import type { Embedder, Embedding } from '../embedder.ts';
import { colbertRowsJson, listJson } from '../embedding-json.ts';
import { type ErrorCode, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { sparseJson } from '../sparse-json.ts';
import { trimEmbedding } from '../trim-embedding.ts';
import { vectorJson } from '../vector-json.ts';
import type { AppEnv, RouteDeps } from './deps.ts';
import { checkDimensions } from './encode-answer.ts';
import { errorHandler } from './error-response.ts';
import { readJsonBody } from './json-body.ts';
import { checkModelName } from './model-name.ts';
import { type EmbeddingsRequest, embeddings, models } from './openai-schema.ts';
import { serve } from './operation.ts';
import { parseRequest } from './parse-request.ts';
import { textStream } from './text-stream.ts';
import { textOfIds } from './token-input.ts';

type Request = InferOutput<typeof EmbeddingsRequest>;

/** What OpenAI's own clients make of each code. `false` tells them that the same request would fail again, where its status alone would not. */
const ERRORS = {
  bad_request: [400, 'invalid_request_error', null],
  unauthorized: [401, 'invalid_request_error', 'invalid_api_key'],
  forbidden: [403, 'invalid_request_error', 'insufficient_permissions'],
  not_found: [404, 'invalid_request_error', 'model_not_found'],
  fingerprint_mismatch: [409, 'invalid_request_error', 'fingerprint_mismatch', false],
  body_too_large: [413, 'invalid_request_error', 'body_too_large'],
  unsupported_media_type: [415, 'invalid_request_error', 'unsupported_media_type'],
  empty_input: [400, 'invalid_request_error', 'empty_input'],
  input_too_long: [400, 'invalid_request_error', 'context_length_exceeded'],
  batch_too_large: [400, 'invalid_request_error', 'batch_too_large'],
  budget_exceeded: [400, 'invalid_request_error', 'budget_exceeded'],
  overloaded: [429, 'rate_limit_error', 'overloaded'],
  rate_limited: [429, 'rate_limit_error', 'rate_limit_exceeded'],
  engine_numeric: [500, 'server_error', 'engine_numeric', false],
  internal: [500, 'server_error', null],
  model_shard_missing: [503, 'server_error', 'model_shard_missing'],
  model_shard_corrupt: [503, 'server_error', 'model_shard_corrupt'],
  model_unavailable: [503, 'server_error', 'model_unavailable'],
  store_unavailable: [503, 'server_error', 'store_unavailable'],
} as const satisfies Record<
  ErrorCode,
  readonly [status: ContentfulStatusCode, type: string, code: string | null, mayRetry?: false]
>;

export function openAiError({ code: known, message, param }: ServiceError): Response {
  const [status, type, code, mayRetry] = ERRORS[known];
  const isRoute = known === 'not_found' && param === undefined; // and not the model
  const error = { message, type, param: param ?? null, code: isRoute ? 'unknown_url' : code };
  const response = Response.json({ error }, { status });
  if (mayRetry === false) response.headers.set('x-should-retry', 'false');
  return response;
}

/** @see https://platform.openai.com/docs/api-reference/embeddings */
export function openAiRoutes({ access, log }: RouteDeps) {
  const routes = new Hono<AppEnv>();
  routes.onError(errorHandler(log, openAiError));

  serve(routes, embeddings, access, async (c) => {
    const request = parseRequest(embeddings.request, await readJsonBody(c.req.raw));
    refuseForeignIds(request.input, c.req.header('x-input-tokens'));
    const embedder = await c.var.openEmbedder();
    const { architecture } = embedder.manifest;
    checkModelName(request.model, embedder.manifest);
    checkDimensions(request.dimensions, architecture.hiddenSize);
    const { texts, paramOf } = textsOf(request.input, embedder);
    const options = {
      dense: true,
      sparse: request.return_sparse,
      colbert: request.return_colbert,
      answerBytes: LIMITS.answerBytes,
      paramOf,
      truncateField: null,
    };
    const answers = await embedder.embed(texts, options, c.req.raw.signal);

    c.header('x-embedding-fingerprint', embedder.fingerprint);
    if ((request.dimensions ?? architecture.hiddenSize) < architecture.hiddenSize) {
      c.header('x-embedding-lossy', 'dimensions');
    }
    return c.body(textStream(embeddingsAnswer(answers, request, embedder)), 200, {
      'content-type': 'application/json',
    });
  });

  serve(routes, models, access, async (c) => {
    const { model } = (await c.var.openEmbedder()).manifest;
    const owned_by = model.upstream.includes('/') ? model.upstream.split('/')[0]! : 'm3edge';
    return c.json({ object: 'list', data: [{ id: model.name, object: 'model', created: 0, owned_by }] });
  });

  return routes;
}

const isIds = (input: Request['input'] | Request['input'][number]): input is number[] =>
  typeof input !== 'string' && typeof input !== 'number' && typeof input[0] === 'number';

/** LangChain for Python sends ids of OpenAI's own tokenizer unless it is told not to. */
function refuseForeignIds(input: Request['input'], allowed: string | undefined): void {
  if (allowed === 'xlmr' || typeof input === 'string') return;
  if (isIds(input) || isIds(input[0]!)) {
    throw new ServiceError(
      'bad_request',
      'input holds token ids, and those of another tokenizer mean other words here; send strings ' +
        '(in LangChain check_embedding_ctx_length=False), or the header x-input-tokens: xlmr with ids from /tokenize',
      { param: 'input' },
    );
  }
}

function textsOf(input: Request['input'], { tokenizer }: Embedder) {
  if (typeof input === 'string' || isIds(input)) {
    const text = typeof input === 'string' ? input : textOfIds(tokenizer, input, 'input');
    return { texts: [text], paramOf: () => 'input' };
  }
  const paramOf = (index: number) => `input[${index}]`;
  const items: readonly (string | number | number[])[] = input;
  return {
    texts: items.map((item, index) => (isIds(item) ? textOfIds(tokenizer, item, paramOf(index)) : String(item))),
    paramOf,
  };
}

async function* embeddingsAnswer(
  embeddings: readonly Embedding[],
  { encoding_format: encoding, sparse_format, dimensions }: Request,
  { manifest: { model, architecture }, tokenizer }: Embedder,
): AsyncGenerator<string> {
  const { colbertSize } = architecture;
  const tokens = embeddings.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0);
  yield `{"object":"list","model":${JSON.stringify(model.name)},"data":`;
  yield* listJson(embeddings, async function* (embedding, index) {
    const { dense, lexicalWeights, colbert } = trimEmbedding(embedding, { dimensions }, colbertSize);
    yield `{"object":"embedding","index":${index},"embedding":${vectorJson(dense!, encoding)}`;
    if (lexicalWeights) yield `,"sparse_embedding":${sparseJson(lexicalWeights, sparse_format, tokenizer)}`;
    if (colbert) {
      yield ',"colbert_embedding":';
      yield* colbertRowsJson([colbert], { encoding, colbertSize: Math.min(dimensions ?? colbertSize, colbertSize) });
    }
    yield '}';
  });
  yield `,"usage":{"prompt_tokens":${tokens},"total_tokens":${tokens}}}`;
}
