import { M3edgeError } from './errors.ts';

export interface SendOptions {
  /** Where the Worker is: `https://m3edge.example.com`. */
  readonly baseUrl: string;
  readonly apiKey?: string | undefined;
  /** Default the global one; of a service binding: `(request) => env.EMBED.fetch(request)`. */
  readonly fetch?: ((request: Request) => Promise<Response>) | undefined;
  /** Times that a request is sent again after it was refused for now, or no answer came; default 2. */
  readonly maxRetries?: number | undefined;
  /** Milliseconds that each try may take until its answer begins; default five minutes, which a request may compute. */
  readonly timeoutMs?: number | undefined;
}

export interface Call {
  /** Absent: GET. */
  readonly body?: unknown;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_RETRIES = 2;
const DEFAULT_TIMEOUT_MS = 300_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8000;
/** Refused for now; everything that is asked for changes nothing, so it may be asked for again. */
const PASSING = new Set([429, 502, 503, 504]);

/**
 * Sends until it is answered, or for good refused.
 *
 * @returns The answer, of status 200, its body unread.
 * @throws M3edgeError; the signal's reason where the caller gives up.
 */
export async function send(options: SendOptions, path: string, call: Call): Promise<Response> {
  const { maxRetries = DEFAULT_RETRIES } = options;
  for (let retries = 0; ; retries++) {
    call.signal?.throwIfAborted();
    const outcome = await tryOnce(options, path, call).catch((cause) => {
      call.signal?.throwIfAborted();
      return new M3edgeError(0, 'connection', `no answer from ${options.baseUrl}: ${messageOf(cause)}`, { cause });
    });
    if (outcome instanceof Response && outcome.ok) return outcome;
    const isPassing = outcome instanceof M3edgeError || PASSING.has(outcome.status);
    if (!isPassing || retries >= maxRetries) throw outcome instanceof Response ? await errorOf(outcome) : outcome;
    const headers = outcome instanceof Response ? outcome.headers : undefined;
    if (outcome instanceof Response) await outcome.body?.cancel();
    await pause(pauseMs(retries, headers), call.signal);
  }
}

async function tryOnce({ baseUrl, apiKey, ...options }: SendOptions, path: string, call: Call): Promise<Response> {
  const { fetch = globalThis.fetch.bind(globalThis), timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  // A timer of its own, ended with the headers: a streamed body may take as long as it takes.
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    const request = new Request(`${baseUrl.replace(/\/+$/, '')}${path}`, {
      method: call.body === undefined ? 'GET' : 'POST',
      headers: {
        ...(call.body !== undefined && { 'content-type': 'application/json' }),
        ...(call.accept !== undefined && { accept: call.accept }),
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      },
      ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
      signal: call.signal ? AbortSignal.any([abort.signal, call.signal]) : abort.signal,
    });
    return await fetch(request);
  } finally {
    clearTimeout(timer);
  }
}

/** The service's own wish where it has one; else longer each time, and never the same for two callers. */
function pauseMs(retries: number, headers: Headers | undefined): number {
  const seconds = Number(headers?.get('retry-after') ?? Number.NaN);
  const wanted = seconds >= 0 ? 1000 * seconds : FIRST_PAUSE_MS * 2 ** retries;
  return Math.min(wanted, LONGEST_PAUSE_MS) * (1 + Math.random() / 4);
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done);
  });
  signal?.throwIfAborted();
}

async function errorOf(response: Response): Promise<M3edgeError> {
  const text = await response.text().catch(() => '');
  const requestId = response.headers.get('x-request-id') ?? undefined;
  return parseError(response.status, text, requestId);
}

/** An error in the native shape or in that of the rerank routes; what is neither, as of a proxy in between, is not repeated. */
export function parseError(status: number, text: string, requestId: string | undefined): M3edgeError {
  try {
    const body = JSON.parse(text);
    if (typeof body.message === 'string') return new M3edgeError(status, codeOf(status), body.message, { requestId });
    const { code, message, param } = body.error;
    return new M3edgeError(status, String(code), String(message), { param, requestId });
  } catch {
    return new M3edgeError(status, codeOf(status), `the service answered ${status}`, { requestId });
  }
}

const codeOf = (status: number): string =>
  status === 401 ? 'unauthorized' : status === 429 ? 'rate_limited' : 'unknown';

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
