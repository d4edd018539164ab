import { Hono } from 'hono';
import type { InferOutput } from 'valibot';
import { type StoreAnswer, searchStore } from '../documents/search-store.ts';
import { shortestFloat32 } from '../float32-text.ts';
import type { AppEnv, RouteDeps } from './deps.ts';
import { errorHandler, nativeError } from './error-response.ts';
import { readJsonBody } from './json-body.ts';
import { needDatabase } from './need-database.ts';
import { serve } from './operation.ts';
import { parseRequest } from './parse-request.ts';
import { search } from './search-schema.ts';

type Answer = InferOutput<typeof search.answer>;

/** Search over what is stored: docs/search.md. What another tenant has is not there. */
export function searchRoutes(deps: RouteDeps) {
  const { access, log, nearest } = deps;
  const routes = new Hono<AppEnv>();
  routes.onError(errorHandler(log, nativeError));

  serve(routes, search, access, async (c) => {
    const { db } = needDatabase(deps);
    const { weights_for_different_modes: weights, ...request } = parseRequest(
      search.request,
      await readJsonBody(c.req.raw),
    );
    const embedder = await c.var.openEmbedder();
    const answer = await searchStore(
      { db, embedder, tenant: c.var.caller.tenant, nearest },
      {
        ...request,
        weights,
        withText: request.return_text,
        maxQueryLength: request.max_query_length,
        maxPassageLength: request.max_passage_length,
      },
      c.req.raw.signal,
    );
    c.header('x-embedding-fingerprint', embedder.fingerprint);
    return c.json({
      results: answer.found.map((found) => printFound(found, request.mode)),
      scored: answer.scored,
      complete: answer.isComplete,
      model: embedder.manifest.model.name,
      fingerprint: embedder.fingerprint,
      usage: {
        query_tokens: answer.queryTokens,
        passage_tokens: answer.passageTokens,
        truncated: answer.isTruncated,
      },
    } satisfies Answer);
  });

  return routes;
}

function printFound(
  { id, scores, isStale, metadata, text }: StoreAnswer['found'][number],
  mode: InferOutput<typeof search.request>['mode'],
): Answer['results'][number] {
  const print = (value: number) => shortestFloat32(Math.fround(value));
  const { dense, sparse, colbert } = scores;
  return {
    id,
    score: print(scores[mode]!),
    dense: print(dense),
    sparse: print(sparse),
    ...(colbert !== undefined && { colbert: print(colbert) }),
    'sparse+dense': print(scores['sparse+dense']),
    ...(colbert !== undefined && { 'colbert+sparse+dense': print(scores['colbert+sparse+dense']!) }),
    ...(isStale && { stale: true }),
    metadata,
    ...(text !== undefined && { text }),
  };
}
