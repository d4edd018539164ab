import type { Context, ErrorHandler } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { type ErrorCode, ServiceError } from '../errors.ts';
import type { AppEnv } from './deps.ts';

/** Statuses of the native and the Cohere/Jina routes. */
export const STATUS = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  fingerprint_mismatch: 409,
  body_too_large: 413,
  unsupported_media_type: 415,
  empty_input: 422,
  input_too_long: 422,
  batch_too_large: 422,
  budget_exceeded: 422,
  overloaded: 429,
  rate_limited: 429,
  engine_numeric: 500,
  internal: 500,
  model_shard_missing: 503,
  model_shard_corrupt: 503,
  model_unavailable: 503,
  store_unavailable: 503,
} as const satisfies Record<ErrorCode, ContentfulStatusCode>;

/** Seconds to wait where the error itself names none: a pass is over in about one, a deployment is not mended in ten. */
const RETRY_AFTER_SECONDS: Partial<Record<ErrorCode, number>> = {
  overloaded: 1,
  rate_limited: 1,
  model_unavailable: 2,
  store_unavailable: 2,
  model_shard_missing: 10,
  model_shard_corrupt: 10,
};
/** nginx's word for a caller that left before its answer; nobody sees it but logs. */
export const CLIENT_CLOSED_REQUEST = 499;

/** Where a bug is reported: one JSON line. */
export type Log = (entry: Readonly<Record<string, unknown>>) => void;

/** What the caller is told. Anything but a ServiceError is a bug: it is logged once and answered with nothing of itself. */
export function toServiceError(error: unknown, requestId: string, log: Log): ServiceError {
  if (error instanceof ServiceError) return error;
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  log({ level: 'error', request_id: requestId, name, message, stack });
  return new ServiceError('internal', 'the service failed; report the request_id if it does so again');
}

/** `{"error":{"code":..,"message":..,"param":..,"request_id":..}}`; `param` is absent where no field is to blame. */
export function errorBody({ code, message, param }: ServiceError, requestId: string) {
  return { error: { code, message, param, request_id: requestId } };
}

export const nativeError = (error: ServiceError, requestId: string): Response =>
  Response.json(errorBody(error, requestId), { status: STATUS[error.code] });

/**
 * The errors of one dialect.
 *
 * @param respond Prints an error in the dialect's shape; the headers that all have are added here.
 */
export function errorHandler(
  log: Log,
  respond: (error: ServiceError, requestId: string, c: Context<AppEnv>) => Response,
): ErrorHandler<AppEnv> {
  return (error, c) => {
    if (c.req.raw.signal.aborted) return new Response(null, { status: CLIENT_CLOSED_REQUEST });
    const requestId = c.get('requestId');
    const known = toServiceError(error, requestId, log);
    c.set('errorCode', known.code);
    const response = respond(known, requestId, c);
    const retryAfterSeconds = known.retryAfterSeconds ?? RETRY_AFTER_SECONDS[known.code];
    if (retryAfterSeconds !== undefined) response.headers.set('retry-after', String(Math.ceil(retryAfterSeconds)));
    if (response.status === 401) response.headers.set('www-authenticate', 'Bearer');
    return response;
  };
}
