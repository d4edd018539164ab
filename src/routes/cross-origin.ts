import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import type { AppEnv } from './deps.ts';

const READABLE_HEADERS = [
  'x-request-id',
  'x-embedding-fingerprint',
  'x-embedding-lossy',
  'x-compute-tokens',
  'server-timing',
  'retry-after',
];
/** Browsers keep a preflight's answer no longer than two hours; Firefox a day. */
const PREFLIGHT_SECONDS = 86_400;

/** Lets pages of the origins call. Keys travel in a header, never in a cookie: another origin's page has nothing to borrow. */
export function crossOrigin(origins: readonly string[] = ['*']): MiddlewareHandler<AppEnv> {
  return cors({
    origin: origins.includes('*') ? '*' : [...origins],
    allowMethods: ['GET', 'POST', 'PUT', 'DELETE'],
    exposeHeaders: READABLE_HEADERS,
    maxAge: PREFLIGHT_SECONDS,
    // Without allowHeaders, those that are asked for: SDKs send a dozen of their own beside authorization.
  });
}
