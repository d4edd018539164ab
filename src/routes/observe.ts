import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { withAnswerCache } from '../answer-cache.ts';
import { createMeter, type Meter, withMeter, withPurse } from '../metered-embedder.ts';
import type { AppEnv, RouteDeps } from './deps.ts';
import { CLIENT_CLOSED_REQUEST } from './error-response.ts';
import type { Metrics } from './metrics.ts';

/** An id of the caller's own that is safe to print and log. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/**
 * Gives a request its id and its embedder, and says afterwards, in headers, metrics and the log, what it took. Neither holds a text, a key, or a
 * path: only the pattern of the route.
 */
export function observe(
  { getEmbedder, answers, waitUntil, accessLog }: RouteDeps,
  metrics: Metrics,
): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const given = c.req.header('x-request-id');
    const requestId = given && REQUEST_ID.test(given) ? given : crypto.randomUUID();
    const meter = createMeter();
    c.set('requestId', requestId);
    c.set('meter', meter);
    c.set('openEmbedder', async () => {
      const { budget, tenant } = c.get('caller');
      let embedder = await getEmbedder();
      if (budget) embedder = withPurse(embedder, budget);
      if (answers && waitUntil && !/\bno-(cache|store)\b/.test(c.req.header('cache-control') ?? '')) {
        const onHits = (texts: number) => {
          meter.cachedTexts += texts;
        };
        embedder = withAnswerCache(embedder, answers, { tenant, waitUntil, onHits });
      }
      return withMeter(embedder, meter, metrics.recordText);
    });

    const startedMs = performance.now();
    await next();
    const totalMs = performance.now() - startedMs;

    const { status } = c.res;
    const code = c.get('errorCode');
    c.header('x-request-id', requestId);
    if (meter.texts > 0 && code === undefined) setTimingHeaders(c.res.headers, meter, totalMs);
    metrics.record(meter, totalMs, status === CLIENT_CLOSED_REQUEST ? 'dropped' : code);
    const { id: key, tenant } = c.get('caller') ?? {};
    accessLog?.({
      level: 'info',
      event: 'request',
      request_id: requestId,
      method: c.req.method,
      route: routePath(c, -1),
      status,
      code,
      ms: round(totalMs),
      texts: meter.texts,
      tokens: meter.tokens,
      cached_texts: meter.cachedTexts,
      key,
      tenant,
    });
  };
}

/** Server-Timing, and TEI's headers: milliseconds, which on Cloudflare only go by with input and output. Of a streamed answer: until its start. */
function setTimingHeaders(headers: Headers, meter: Meter, totalMs: number): void {
  const { tokenizeMs, queueMs, inferenceMs, cachedTexts, texts } = meter;
  const parts = [
    `total;dur=${round(totalMs)}`,
    `tokenize;dur=${round(tokenizeMs)}`,
    `queue;dur=${round(queueMs)}`,
    `inference;dur=${round(inferenceMs)}`,
  ];
  if (cachedTexts > 0) parts.push(`cache;desc="${cachedTexts} of ${texts} texts"`);
  headers.set('server-timing', parts.join(', '));
  headers.set('x-compute-type', 'cpu');
  headers.set('x-compute-time', String(round(totalMs)));
  headers.set('x-compute-characters', String(meter.characters));
  headers.set('x-compute-tokens', String(meter.tokens));
  headers.set('x-total-time', String(round(totalMs)));
  headers.set('x-tokenization-time', String(round(tokenizeMs)));
  headers.set('x-queue-time', String(round(queueMs)));
  headers.set('x-inference-time', String(round(inferenceMs)));
}

const round = (ms: number): number => Math.round(ms * 100) / 100;
