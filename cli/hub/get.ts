import { UserError } from '../user-error.ts';
import type { HubAccess } from './access.ts';

/** What may be gone a moment later: no answer, a broken one, a server in trouble. */
export class PassingFailure extends Error {
  override name = 'PassingFailure';
  /** What the server asks for. */
  readonly waitMs: number;

  constructor(message: string, { waitMs = 0, cause }: { waitMs?: number; cause?: unknown } = {}) {
    super(message, { cause });
    this.waitMs = waitMs;
  }
}

/** huggingface.co redirects once or twice. */
const MAX_REDIRECTS = 5;
const PASSING_STATUSES: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

export interface GetOptions {
  /** For errors: what is asked for, such as `acme/model: config.json`. */
  readonly what: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses outside 200 to 299 that the caller handles. */
  readonly also?: readonly number[];
  readonly signal: AbortSignal;
}

/**
 * GET, through redirects by hand: the token goes to the endpoint's own origin and to no other.
 *
 * @throws PassingFailure; UserError, with the fix, for what will not pass.
 */
export async function get(access: HubAccess, url: string, options: GetOptions): Promise<Response> {
  const { what, also = [], signal } = options;
  const home = new URL(access.endpoint).origin;
  let at = new URL(url);
  for (let redirects = 0; ; redirects++) {
    const isHome = at.origin === home;
    const headers: Record<string, string> = { ...options.headers, 'accept-encoding': 'identity' };
    if (isHome && access.token !== undefined) headers.authorization = `Bearer ${access.token}`;
    const response = await fetch(at, { headers, redirect: 'manual', signal }).catch((cause) => {
      signal.throwIfAborted();
      throw new PassingFailure(`${at.host} does not answer (${reasonOf(cause)})`, { cause });
    });
    const { status } = response;
    if (response.ok || also.includes(status)) return response;
    await response.body?.cancel().catch(() => {});
    if (status >= 300 && status < 400) {
      if (redirects === MAX_REDIRECTS) throw new UserError(`${what}: more than ${MAX_REDIRECTS} redirects`);
      at = redirected(at, response.headers.get('location'), what);
      continue;
    }
    // A storage host refuses an address whose signature has run out: the Hub gives a new one.
    if (PASSING_STATUSES.includes(status) || (!isHome && (status === 401 || status === 403))) {
      const seconds = Number(response.headers.get('retry-after'));
      throw new PassingFailure(`${at.host} answers ${status}`, { waitMs: seconds > 0 ? 1000 * seconds : 0 });
    }
    throw refusal(response, access, what);
  }
}

/** A response's bytes as they come. @throws PassingFailure where the connection breaks. */
export async function* bodyOf(response: Response): AsyncGenerator<Uint8Array> {
  try {
    yield* response.body ?? [];
  } catch (cause) {
    throw new PassingFailure(`the connection to ${new URL(response.url).host} broke`, { cause });
  }
}

/** @throws UserError where the redirect leads out of HTTP, or from https to http. */
function redirected(from: URL, location: string | null, what: string): URL {
  const to = URL.parse(location ?? '', from);
  const isSafe = to?.protocol === 'https:' || (to?.protocol === 'http:' && from.protocol === 'http:');
  if (location === null || to === null || !isSafe || to.username)
    throw new UserError(
      `${what}: ${from.host} redirects to ${printable(location ?? 'nowhere')}, which is not followed`,
    );
  return to;
}

function refusal({ status, headers }: Response, { endpoint, token }: HubAccess, what: string): UserError {
  const said = headers.get('x-error-message');
  const answer = `${what}: ${endpoint} answers ${status}${said ? ` (${printable(said)})` : ''}`;
  if (status === 401)
    return new UserError(
      token === undefined
        ? `${answer}; is its name right? A private repository needs HF_TOKEN`
        : `${answer}; HF_TOKEN is not accepted there: make a new one that may read this repository`,
    );
  if (status === 403)
    return new UserError(`${answer}; agree to its terms on its page, with the account that HF_TOKEN is of`);
  if (status === 404) return new UserError(`${answer}; is its name right, and --revision a branch, a tag or a commit?`);
  return new UserError(answer);
}

/** undici says `fetch failed` and keeps the reason in `cause`, of which an AggregateError has a list. */
function reasonOf(error: unknown): string {
  const { cause, errors, code, message } = error as Error & { errors?: unknown[]; code?: string };
  if (errors?.length) return reasonOf(errors[0]);
  return cause === undefined ? (code ?? message) : reasonOf(cause);
}

const printable = (text: string) => JSON.stringify(text.slice(0, 200));
