import { ServiceError } from '../errors.ts';
import { type ApiKey, ROLES, type Role } from './api-keys.ts';
import type { TokenBudget } from './token-budget.ts';

/** Who a request is from. */
export interface Caller {
  /** Of the key; `anonymous` without one. */
  readonly id: string;
  readonly tenant: string;
  readonly role: Role;
  /** Present where the key may only have so many tokens a day. */
  readonly budget?: TokenBudget;
}

/** A rate limit binding. */
export interface Limiter {
  limit(options: { key: string }): Promise<{ success: boolean }>;
}

export interface AccessSettings {
  readonly keys: readonly ApiKey[];
  /** What a caller without a key may do while there are no keys; absent: nothing. */
  readonly anonymous?: Role | undefined;
  /** Requests of one key, or of one address without a key. */
  readonly requests?: Limiter | undefined;
  /** Wrong keys from one address. */
  readonly failures?: Limiter | undefined;
  readonly openBudget?: ((key: ApiKey & { readonly tokensPerDay: number }) => TokenBudget) | undefined;
  /** Milliseconds; default the clock. */
  readonly now?: () => number;
}

/** Decides who may call. */
export interface Access {
  /**
   * @param address Of the caller, undefined where the platform does not say.
   * @throws ServiceError `unauthorized` | `forbidden` | `rate_limited`.
   */
  admit(headers: Headers, address: string | undefined, role: Role): Promise<Caller>;
}

/** Period of the rate limit bindings in wrangler.toml. */
const PERIOD_SECONDS = 60;
/** Addresses remembered as blocked, and as known; each set starts anew beyond it. */
const MAX_REMEMBERED = 10_000;
const BEARER = /^Bearer +([\x21-\x7e]{1,256})$/i;
/** Never a caller's own on Cloudflare: these come from this machine, where load is the developer's own affair. */
const LOOPBACK = /^(127\.|::1$)/;

/** Keys where there are keys; otherwise `anonymous`; otherwise nobody. */
export function createAccess(settings: AccessSettings): Access {
  const { keys, anonymous, requests, failures, openBudget, now = Date.now } = settings;
  /** Address → when it may try again. */
  const blocked = new Map<string, number>();
  /** Key and address that have come together before: they outlast a block that a neighbour has earned. */
  const known = new Set<string>();

  const isBlocked = (address: string): boolean => (blocked.get(address) ?? 0) > now();

  async function refuseKey(address: string): Promise<never> {
    if (!isBlocked(address) && failures && !(await failures.limit({ key: address })).success) {
      if (blocked.size >= MAX_REMEMBERED) blocked.clear();
      blocked.set(address, now() + 1000 * PERIOD_SECONDS);
    }
    if (isBlocked(address)) throw tooMany('too many wrong API keys from this address');
    throw new ServiceError('unauthorized', 'the API key is not known');
  }

  async function identify(headers: Headers, address: string): Promise<Caller> {
    const authorization = headers.get('authorization');
    if (keys.length === 0) {
      if (anonymous) return { id: 'anonymous', tenant: 'anonymous', role: anonymous };
      throw new ServiceError(
        'unauthorized',
        'no API keys are configured: set the secret API_KEYS, or ALLOW_ANONYMOUS=true to let everybody in',
      );
    }
    if (authorization === null) {
      throw new ServiceError('unauthorized', 'an API key is missing; send it as authorization: Bearer KEY');
    }
    const presented = BEARER.exec(authorization)?.[1];
    const key = presented && findKey(keys, await sha256(presented));
    if (!key) return refuseKey(address);
    const pair = `${key.id} ${address}`;
    if (isBlocked(address) && !known.has(pair)) return refuseKey(address);
    if (known.size >= MAX_REMEMBERED) known.clear();
    known.add(pair);
    const { id, tenant, role, tokensPerDay } = key;
    if (tokensPerDay === undefined) return { id, tenant, role };
    if (!openBudget) throw new Error('API_KEYS has tokens_per_day, but TOKEN_BUDGETS is not bound');
    return { id, tenant, role, budget: openBudget({ ...key, tokensPerDay }) };
  }

  return {
    async admit(headers, address = 'unknown', role) {
      const caller = await identify(headers, address);
      if (ROLES.indexOf(caller.role) < ROLES.indexOf(role)) {
        throw new ServiceError('forbidden', `this needs the role ${role}, the caller has ${caller.role}`);
      }
      const isAnonymous = keys.length === 0;
      if (requests && !(isAnonymous && LOOPBACK.test(address))) {
        const { success } = await requests.limit({ key: isAnonymous ? `address ${address}` : `key ${caller.id}` });
        if (!success) throw tooMany('too many requests');
      }
      return caller;
    },
  };
}

const tooMany = (problem: string) =>
  new ServiceError('rate_limited', `${problem}; try again later`, { retryAfterSeconds: PERIOD_SECONDS });

/** Compares with every key, byte by byte to the end: the time says nothing about which was close. */
function findKey(keys: readonly ApiKey[], digest: Uint8Array): ApiKey | undefined {
  let found: ApiKey | undefined;
  for (const key of keys) {
    let difference = 0;
    for (let i = 0; i < digest.length; i++) difference |= digest[i]! ^ key.sha256[i]!;
    if (difference === 0) found = key;
  }
  return found;
}

async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
}
