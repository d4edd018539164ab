import { type Context, Hono } from 'hono';
import type { InferOutput } from 'valibot';
import { computeScores, type ScoreOptions } from '../compute-score.ts';
import type { Embedder } from '../embedder.ts';
import { shortestFloat32 } from '../float32-text.ts';
import { LIMITS } from '../limits.ts';
import type { ModeWeights } from '../scoring/scoring.ts';
import type { AppEnv, RouteDeps } from './deps.ts';
import { errorHandler, STATUS } from './error-response.ts';
import { readJsonBody } from './json-body.ts';
import { checkModelName } from './model-name.ts';
import { serve } from './operation.ts';
import { parseRequest } from './parse-request.ts';
import { MODES, type Mode, RerankRequestV1, rerank, rerankV2, TeiRerankRequest } from './rerank-schema.ts';
import { openStoredPassage, type storedPassage } from './stored-passage.ts';
import { teiError, truncationOptions } from './tei.ts';

type Stored = InferOutput<typeof storedPassage>;

/** Rerankers in the shapes of TEI, Jina and Cohere. No second model: M3 scores what it embeds. */
export function rerankRoutes({ access, log }: RouteDeps) {
  const routes = new Hono<AppEnv>();
  routes.onError(
    errorHandler(log, (error, _, c) => {
      const dialect = c.get('bodyDialect') ?? (c.req.path === '/rerank' ? 'TEI' : 'Cohere');
      if (dialect === 'TEI') return teiError(error);
      return Response.json({ message: error.message, detail: error.message }, { status: STATUS[error.code] });
    }),
  );

  serve(routes, rerank, access, async (c) => {
    const body = await readJsonBody(c.req.raw, LIMITS.vectorBodyBytes);
    const isTei = hasField(body, 'texts') || c.req.path === '/rerank';
    return isTei && !hasField(body, 'documents') ? rankTexts(c, body) : rankDocuments(c, body);
  });

  serve(routes, rerankV2, access, async (c) => {
    c.set('bodyDialect', 'Cohere');
    const request = parseRequest(rerankV2.request, await readJsonBody(c.req.raw, LIMITS.vectorBodyBytes));
    const { results } = await rankParsed(c, request);
    return c.json({ id: crypto.randomUUID(), results, meta: metaOf('2') });
  });

  return routes;
}

const hasField = (body: unknown, name: string) =>
  typeof body === 'object' && body !== null && Object.hasOwn(body, name);

async function rankTexts(c: Context<AppEnv>, body: unknown): Promise<Response> {
  c.set('bodyDialect', 'TEI');
  const { texts, query, return_text, mode, weights, ...truncation } = parseRequest(TeiRerankRequest, body);
  const embedder = await c.var.openEmbedder();
  const { truncate = true, truncationSide = 'right' } = truncationOptions(truncation);
  const options = { truncate, truncationSide, paramOf: paramsIn('texts') };
  const { ranks } = await rank(embedder, { query, documents: texts, mode, weights }, options, c.req.raw.signal);
  c.header('x-embedding-fingerprint', embedder.fingerprint);
  return c.json(
    ranks.map(({ index, score }) => {
      const text = texts[index]!;
      return { index, ...(return_text && typeof text === 'string' && { text }), score };
    }),
  );
}

async function rankDocuments(c: Context<AppEnv>, body: unknown): Promise<Response> {
  c.set('bodyDialect', 'Cohere');
  const request = parseRequest(RerankRequestV1, body);
  const { results, tokens, model } = await rankParsed(c, request);
  return c.json({
    id: crypto.randomUUID(),
    object: 'list',
    model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
    results,
    meta: metaOf('1'),
  });
}

async function rankParsed(
  c: Context<AppEnv>,
  request: Omit<InferOutput<typeof RerankRequestV1>, 'return_documents'> & { readonly return_documents?: boolean },
) {
  const embedder = await c.var.openEmbedder();
  const { manifest } = embedder;
  if (request.model !== undefined) checkModelName(request.model, manifest);
  const documents = request.documents.map((document) =>
    typeof document === 'object' && 'text' in document ? document.text : document,
  );
  const options = {
    truncate: true,
    paramOf: paramsIn('documents'),
    ...(request.max_tokens_per_doc && { maxPassageLength: request.max_tokens_per_doc }),
  };
  const { ranks, tokens } = await rank(embedder, { ...request, documents }, options, c.req.raw.signal);
  c.header('x-embedding-fingerprint', embedder.fingerprint);
  const results = ranks.slice(0, request.top_n).map(({ index, score }) => {
    const text = documents[index];
    const isReturned = request.return_documents && typeof text === 'string';
    return { index, relevance_score: score, ...(isReturned && { document: { text } }) };
  });
  return { results, tokens, model: manifest.model.name };
}

const metaOf = (version: string) => ({ api_version: { version }, billed_units: { search_units: 1 } });

const paramsIn = (field: string) => (pair: number, side: 0 | 1) => (side === 0 ? 'query' : `${field}[${pair}]`);

interface Ranking {
  readonly query: string;
  readonly documents: readonly (string | Stored)[];
  readonly mode: Mode;
  readonly weights?: ModeWeights | undefined;
}

/** Best first; of equal ones the earlier. */
async function rank(
  embedder: Embedder,
  { query, documents, mode, weights }: Ranking,
  options: ScoreOptions & { readonly paramOf: (pair: number, side: 0 | 1) => string },
  signal: AbortSignal,
) {
  const parts = MODES[mode];
  const pairs = documents.map((document, index) => {
    if (typeof document === 'string') return [query, document] as const;
    return [query, openStoredPassage(document, options.paramOf(index, 1), parts, embedder)] as const;
  });
  const { scores, tokens } = await computeScores(
    embedder,
    pairs,
    { ...options, parts, ...(weights && { weights }) },
    signal,
  );
  const ranks = scores
    .map((score, index) => ({ index, score: shortestFloat32(Math.fround(score[mode])) }))
    .sort((a, b) => b.score - a.score);
  const [queryTokens] = tokens[0]!;
  return { ranks, tokens: tokens.reduce((sum, [, passage]) => sum + passage, queryTokens) };
}
