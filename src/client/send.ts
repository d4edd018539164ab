import { M3edgeError, parseError } from './errors.ts';

export interface SendOptions {
  /** Where the Worker is: `https://m3edge.example.com`. */
  readonly baseUrl: string;
  readonly apiKey?: string | undefined;
  /** Default the global one; of a service binding: `(request) => env.EMBED.fetch(request)`. */
  readonly fetch?: ((request: Request) => Promise<Response>) | undefined;
  /** Times that a request is sent again after it was refused for now, or its answer did not come; default 2. */
  readonly maxRetries?: number | undefined;
  /** Milliseconds that each try may take until its answer begins; default five minutes, which a request may compute. */
  readonly timeoutMs?: number | undefined;
}

export interface Call {
  /** JSON; absent: GET. */
  readonly body?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
}

export const DEFAULT_RETRIES = 2;
const DEFAULT_TIMEOUT_MS = 300_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8000;
/** The period of the service's limit of requests; what wants to be left alone for longer, as a day's budget, is the caller's to decide. */
const LONGEST_WISH_MS = 60_000;
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
    const outcome = await tryOnce(options, path, call);
    if (outcome instanceof Response) return outcome;
    const isPassing = outcome.status === 0 || PASSING.has(outcome.status);
    if (!isPassing || retries >= maxRetries) throw outcome;
    await pauseAfter(outcome, retries, call.signal);
  }
}

/** An answer of status 200, or why there is none. @throws The signal's reason where the caller gives up. */
async function tryOnce(options: SendOptions, path: string, call: Call): Promise<Response | M3edgeError> {
  call.signal?.throwIfAborted();
  try {
    const response = await fetchWithTimeout(options, path, call);
    return response.ok ? response : parseError(response.status, await response.text(), response.headers);
  } catch (cause) {
    call.signal?.throwIfAborted();
    const message = cause instanceof Error ? cause.message : String(cause);
    return new M3edgeError(0, 'connection', `no answer from ${options.baseUrl}: ${message}`, { cause });
  }
}

async function fetchWithTimeout({ baseUrl, apiKey, ...options }: SendOptions, path: string, call: Call) {
  const { fetch = globalThis.fetch.bind(globalThis), timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  // A timer of its own, ended with the headers: a streamed body may take as long as it takes.
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new Error(`nothing came within ${timeoutMs} ms`)), timeoutMs);
  try {
    const request = new Request(`${baseUrl.replace(/\/+$/, '')}${path}`, {
      method: call.body === undefined ? 'GET' : 'POST',
      headers: {
        ...(call.body !== undefined && { 'content-type': 'application/json' }),
        ...(call.accept !== undefined && { accept: call.accept }),
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      },
      ...(call.body !== undefined && { body: call.body }),
      signal: call.signal ? AbortSignal.any([abort.signal, call.signal]) : abort.signal,
    });
    return await fetch(request);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Waits as long as the service wishes, else longer each time, and never as long as another caller.
 *
 * @throws The error where the wish is too long; the signal's reason where the caller gives up.
 */
export async function pauseAfter(error: M3edgeError, retries: number, signal: AbortSignal | undefined): Promise<void> {
  const wishMs = 1000 * (error.retryAfterSeconds ?? 0);
  if (wishMs > LONGEST_WISH_MS) throw error;
  const wantedMs = wishMs || Math.min(FIRST_PAUSE_MS * 2 ** retries, LONGEST_PAUSE_MS);
  await pause(wantedMs * (1 + Math.random() / 4), signal);
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
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
