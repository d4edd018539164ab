export interface M3edgeErrorDetails {
  readonly param?: string | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

/** What the service answered in place of a result, or why there is no answer. */
export class M3edgeError extends Error {
  override name = 'M3edgeError';
  /** HTTP status; 0 where no answer came, or it ended early. */
  readonly status: number;
  /** As docs/api.md lists them; `connection` where no answer came, or it ended early. */
  readonly code: string;
  /** The field to blame, such as `texts[3]`: its index is that in the caller's own list, also where that was sent in parts. */
  readonly param: string | undefined;
  /** Of the answer's headers: what to look for in the service's log. */
  readonly requestId: string | undefined;
  /** After how many seconds the service wants to be asked again. */
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, code: string, message: string, details: M3edgeErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.status = status;
    this.code = code;
    this.param = details.param;
    this.requestId = details.requestId;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}

/** The same codes where a dialect has none of its own. */
const CODES: Readonly<Record<number, string>> = {
  400: 'bad_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  409: 'fingerprint_mismatch',
  413: 'body_too_large',
  415: 'unsupported_media_type',
  422: 'bad_request',
  429: 'rate_limited',
  500: 'internal',
  503: 'model_unavailable',
};

/** An error in the shape of the native routes, of TEI or of Cohere; what is none of them, as of a proxy in between, is not repeated. */
export function parseError(status: number, text: string, headers: Headers): M3edgeError {
  const requestId = headers.get('x-request-id') ?? undefined;
  const waitMs = retryAfterMs(headers);
  const retryAfterSeconds = waitMs === undefined ? undefined : waitMs / 1000;
  const { code, message, param } = nativeFields(text);
  return new M3edgeError(
    status,
    code ?? CODES[status] ?? 'unknown',
    message ?? `the service answered with status ${status}`,
    { param, requestId, retryAfterSeconds },
  );
}

function nativeFields(text: string): { code?: string; message?: string; param?: string } {
  try {
    const body = JSON.parse(text);
    if (typeof body.error === 'string') return { message: body.error };
    const { code, message, param } = body.error ?? body;
    return {
      ...(typeof code === 'string' && { code }),
      ...(typeof message === 'string' && { message }),
      ...(typeof param === 'string' && { param }),
    };
  } catch {
    return {};
  }
}

/** How long the service wants not to be asked: seconds, or a date, as a proxy may say it. */
export function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const seconds = Number(value);
  const ms = Number.isNaN(seconds) ? Date.parse(value) - Date.now() : 1000 * seconds;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
