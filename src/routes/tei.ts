import { type Context, Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { GenericSchema, InferOutput } from 'valibot';
import type { Embedder, EmbedOptions } from '../embedder.ts';
import { colbertRowsJson, listJson } from '../embedding-json.ts';
import { type ErrorCode, ServiceError } from '../errors.ts';
import { float32Json, shortestFloat32 } from '../float32-text.ts';
import { LIMITS } from '../limits.ts';
import { denseScore } from '../scoring/scoring.ts';
import { sparseJson } from '../sparse-json.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { cutRows } from '../trim-embedding.ts';
import type { AppEnv, RouteDeps } from './deps.ts';
import { checkDimensions } from './encode-answer.ts';
import { errorHandler } from './error-response.ts';
import { readJsonBody } from './json-body.ts';
import { type Operation, serve } from './operation.ts';
import { parseRequest } from './parse-request.ts';
import { decode, type EmbedRequest, embed, embedAll, embedSparse, similarity, tokenize } from './tei-schema.ts';
import { textStream } from './text-stream.ts';
import { textOfIds } from './token-input.ts';

type TeiErrorType = 'Unhealthy' | 'Backend' | 'Overloaded' | 'Validation' | 'Empty';

const ERRORS = {
  bad_request: [422, 'Validation'],
  unauthorized: [401, undefined],
  forbidden: [401, undefined],
  not_found: [404, 'Validation'],
  fingerprint_mismatch: [409, 'Validation'],
  body_too_large: [413, 'Validation'],
  unsupported_media_type: [415, 'Validation'],
  empty_input: [400, 'Empty'],
  input_too_long: [422, 'Validation'],
  batch_too_large: [422, 'Validation'],
  budget_exceeded: [422, 'Validation'],
  overloaded: [429, 'Overloaded'],
  rate_limited: [429, 'Overloaded'],
  engine_numeric: [500, 'Backend'],
  internal: [500, 'Backend'],
  model_shard_missing: [503, 'Unhealthy'],
  model_shard_corrupt: [503, 'Unhealthy'],
  model_unavailable: [503, 'Unhealthy'],
  store_unavailable: [503, 'Unhealthy'],
} as const satisfies Record<ErrorCode, readonly [ContentfulStatusCode, TeiErrorType | undefined]>;

/** `{"error":..,"error_type":..}`; a caller who is not let in gets an empty body. */
export function teiError({ code, message, param }: ServiceError): Response {
  const [status, error_type] = ERRORS[code];
  if (!error_type) return new Response(null, { status });
  // Where no field is to blame, the body itself could not be read.
  const isSyntax = code === 'bad_request' && param === undefined;
  return Response.json({ error: message, error_type }, { status: isSyntax ? 400 : status });
}

/** text-embeddings-inference 1.9, with what it refuses of this model: sparse vectors. */
export function teiRoutes({ access, log }: RouteDeps) {
  const routes = new Hono<AppEnv>();
  routes.onError(errorHandler(log, teiError));

  const json = (c: Context<AppEnv>, embedder: Embedder, pieces: AsyncIterable<string>) => {
    c.header('x-embedding-fingerprint', embedder.fingerprint);
    return c.body(textStream(pieces), 200, { 'content-type': 'application/json' });
  };

  serve(routes, embed, access, async (c) => {
    const request = await readRequest(c, embed);
    const embedder = await c.var.openEmbedder();
    const { hiddenSize } = embedder.manifest.architecture;
    const { normalize } = request;
    const dimensions = request.dimensions ?? hiddenSize;
    checkDimensions(dimensions, hiddenSize);
    const { texts, options } = planTexts(request, embedder);
    const embeddings = await embedder.embed(texts, { ...options, dense: true, normalize }, c.req.raw.signal);
    if (dimensions < hiddenSize) c.header('x-embedding-lossy', 'dimensions');
    const cut = (dense: Float32Array) =>
      normalize ? cutRows(dense, hiddenSize, dimensions) : dense.subarray(0, dimensions);
    return json(
      c,
      embedder,
      listJson(embeddings, ({ dense }) => [float32Json(cut(dense!))]),
    );
  });

  serve(routes, embedSparse, access, async (c) => {
    const request = await readRequest(c, embedSparse);
    const embedder = await c.var.openEmbedder();
    const { texts, options } = planTexts(request, embedder);
    const embeddings = await embedder.embed(texts, { ...options, sparse: true }, c.req.raw.signal);
    const { tokenizer } = embedder;
    return json(
      c,
      embedder,
      listJson(embeddings, ({ lexicalWeights }) => [sparseJson(lexicalWeights!, 'tei', tokenizer)]),
    );
  });

  serve(routes, embedAll, access, async (c) => {
    const request = await readRequest(c, embedAll);
    const embedder = await c.var.openEmbedder();
    const { texts, options } = planTexts(request, embedder);
    const embeddings = await embedder.embed(texts, { ...options, hiddenState: true }, c.req.raw.signal);
    const rows = { encoding: 'float', colbertSize: embedder.manifest.architecture.hiddenSize } as const;
    return json(
      c,
      embedder,
      listJson(embeddings, ({ hiddenState }) => colbertRowsJson([hiddenState!], rows)),
    );
  });

  serve(routes, similarity, access, async (c) => {
    const { inputs, parameters } = await readRequest(c, similarity);
    const embedder = await c.var.openEmbedder();
    const texts = [inputs.source_sentence, ...inputs.sentences];
    const options: EmbedOptions = {
      ...truncationOptions(parameters ?? {}),
      dense: true,
      paramOf: (index) => (index === 0 ? 'inputs.source_sentence' : `inputs.sentences[${index - 1}]`),
    };
    const [source, ...others] = await embedder.embed(texts, options, c.req.raw.signal);
    c.header('x-embedding-fingerprint', embedder.fingerprint);
    return c.json(others.map(({ dense }) => shortestFloat32(Math.fround(denseScore(source!.dense!, dense!)))));
  });

  serve(routes, tokenize, access, async (c) => {
    const { inputs, add_special_tokens } = await readRequest(c, tokenize);
    const embedder = await c.var.openEmbedder();
    const texts = typeof inputs === 'string' ? [inputs] : inputs;
    const paramOf = (index: number) => (typeof inputs === 'string' ? 'inputs' : `inputs[${index}]`);
    for (const [index, text] of texts.entries()) checkCharacters(text, embedder.maxTokens, paramOf(index));
    const print = (text: string) => tokensJson(embedder.tokenizer, text, add_special_tokens);
    return json(c, embedder, listJson(texts, print));
  });

  serve(routes, decode, access, async (c) => {
    const { ids, skip_special_tokens: skipSpecial } = await readRequest(c, decode);
    const { tokenizer } = await c.var.openEmbedder();
    const lists: readonly number[][] = isList(ids) ? ids : [ids];
    for (const [index, list] of lists.entries()) {
      const param = isList(ids) ? `ids[${index}]` : 'ids';
      if (list.some((id) => id >= tokenizer.vocabularySize)) {
        throw new ServiceError('bad_request', `${param} has an id beyond ${tokenizer.vocabularySize - 1}`, { param });
      }
    }
    return c.json(lists.map((list) => tokenizer.decode(list, { skipSpecial })));
  });

  return routes;
}

async function readRequest<Schema extends GenericSchema>(
  c: Context<AppEnv>,
  { request }: Operation & { readonly request: Schema },
): Promise<InferOutput<Schema>> {
  return parseRequest(request, await readJsonBody(c.req.raw));
}

const isList = (ids: number[] | number[][]): ids is number[][] => typeof ids[0] !== 'number';

type Truncation = Partial<Pick<InferOutput<typeof EmbedRequest>, 'truncate' | 'truncation_direction'>>;

/** TEI cuts what is too long unless it is told not to. */
export function truncationOptions({ truncate, truncation_direction }: Truncation): EmbedOptions {
  return {
    truncate: truncate ?? true,
    truncationSide: truncation_direction?.toLowerCase() === 'left' ? 'left' : 'right',
    answerBytes: LIMITS.answerBytes,
  };
}

function planTexts(
  { inputs, ...truncation }: Truncation & Pick<InferOutput<typeof EmbedRequest>, 'inputs'>,
  { tokenizer }: Embedder,
): { texts: string[]; options: EmbedOptions } {
  const isOne = typeof inputs === 'string' || typeof inputs[0] === 'number';
  const items = (isOne ? [inputs] : inputs) as (string | number[])[];
  const paramOf = (index: number) => (isOne ? 'inputs' : `inputs[${index}]`);
  return {
    texts: items.map((item, i) => (typeof item === 'string' ? item : textOfIds(tokenizer, item, paramOf(i)))),
    options: { ...truncationOptions(truncation), paramOf },
  };
}

/** Characters a token, as TEI has it: a text of more is refused before it is tokenised, where tokens are printed and never cut. */
const MAX_CHARACTERS = 250;

function checkCharacters(text: string, maxTokens: number, param: string): void {
  const most = MAX_CHARACTERS * maxTokens;
  if (text.length <= most) return; // in UTF-16 units, of which a character has one or two
  let characters = 0;
  for (const _ of text) characters++;
  if (characters <= most) return;
  throw new ServiceError(
    'input_too_long',
    `${param} has ${characters} characters, more than ${most}; cut it into parts`,
    {
      param,
    },
  );
}

/** Tokens a piece: a text of a megabyte may have half a million. */
const PRINTED_TOKENS = 256;

/** `special` are those that the tokenizer adds; their bytes are none of the text's. */
function* tokensJson(tokenizer: Tokenizer, text: string, addSpecial: boolean): Generator<string> {
  const { ids, offsets } = tokenizer.encodeWithOffsets(text);
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder();
  const last = ids.length - 1;
  const print = (id: number, i: number): string => {
    const isSpecial = i === 0 || i === last;
    const [start, stop] = [offsets[2 * i]!, offsets[2 * i + 1]!];
    return JSON.stringify(
      isSpecial
        ? { id, text: tokenizer.piece(id), special: true, start: null, stop: null }
        : { id, text: decoder.decode(bytes.subarray(start, stop)), special: false, start, stop },
    );
  };
  const [first, end] = addSpecial ? [0, last + 1] : [1, last];
  yield '[';
  for (let i = first; i < end; i += PRINTED_TOKENS) {
    const tokens = Array.from(ids.subarray(i, Math.min(end, i + PRINTED_TOKENS)), (id, k) => print(id, i + k));
    yield `${i > first ? ',' : ''}${tokens}`;
  }
  yield ']';
}
