import * as v from 'valibot';

/** Each may do what those before it may. */
export const ROLES = ['read', 'write', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What a deployment knows of a key: never the key itself. */
export interface ApiKey {
  /** Printed in logs. */
  readonly id: string;
  /** Whose documents and cached answers the key reaches. */
  readonly tenant: string;
  /** Of the key's UTF-8 bytes. */
  readonly sha256: Uint8Array;
  readonly role: Role;
  /** Tokens that may be computed for it in a day of UTC. */
  readonly tokensPerDay?: number;
}

const name = v.pipe(v.string(), v.regex(/^[A-Za-z0-9._:-]{1,128}$/, 'must be 1 to 128 of A-Z a-z 0-9 . _ : -'));

const ApiKeys = v.pipe(
  v.array(
    v.strictObject({
      id: name,
      tenant: name,
      sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/i, 'must be 64 hex digits, as `printf %s KEY | sha256sum`')),
      role: v.picklist(ROLES),
      tokens_per_day: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1, 'must be at least 1'))),
    }),
  ),
  v.nonEmpty('must name at least one key'),
);

/**
 * Reads the secret API_KEYS.
 *
 * @throws Error that says which entry is wrong, and nothing of what it holds: it goes to the log.
 */
export function parseApiKeys(json: string): readonly ApiKey[] {
  const result = v.safeParse(ApiKeys, parseJson(json), { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    const place = (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('');
    const problem = issue.kind === 'validation' ? issue.message : `must be ${issue.expected}`;
    throw new Error(`API_KEYS${place} ${problem}`);
  }
  const keys = result.output.map(({ id, tenant, sha256, role, tokens_per_day }) => ({
    id,
    tenant,
    sha256: Uint8Array.from(sha256.match(/../g)!, (byte) => Number.parseInt(byte, 16)),
    role,
    ...(tokens_per_day !== undefined && { tokensPerDay: tokens_per_day }),
  }));
  if (new Set(keys.map(({ id }) => id)).size < keys.length) throw new Error('API_KEYS names an id twice');
  return keys;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new Error('API_KEYS is not JSON'); // the engine's own message quotes it
  }
}
