import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { type AccessSettings, createAccess, type Limiter } from '../../src/auth/access.ts';
import { parseApiKeys } from '../../src/auth/api-keys.ts';
import { openAccess } from '../../src/auth/open-access.ts';
import { appUnderTest } from '../support/call-app.ts';
import { fakeEmbedder } from '../support/fake-embedder.ts';

const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
const KEYS = [
  { id: 'reader', tenant: 'a', sha256: sha256('read-key'), role: 'read' },
  { id: 'writer', tenant: 'a', sha256: sha256('write-key'), role: 'write' },
  { id: 'boss', tenant: 'b', sha256: sha256('admin-key'), role: 'admin' },
] as const;
const keys = parseApiKeys(JSON.stringify(KEYS));
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const appWith = (settings: Partial<AccessSettings>) =>
  appUnderTest(async () => fakeEmbedder(), { access: createAccess({ keys, ...settings }) });

/** A limit of so many a period. */
function limiterOf(most: number): Limiter & { readonly asked: Map<string, number> } {
  const asked = new Map<string, number>();
  return {
    asked,
    async limit({ key }) {
      asked.set(key, (asked.get(key) ?? 0) + 1);
      return { success: asked.get(key)! <= most };
    },
  };
}

describe('E50: API keys', () => {
  const { post, send, logged } = appWith({});
  const encode = (headers: Record<string, string>) => post('/encode', { texts: 'a' }, headers);

  it.each(KEYS.map(({ role }) => role))('with the role %s may embed', async (role) => {
    expect((await encode(bearer(`${role}-key`))).status).toBe(200);
  });

  it.each([
    ['no key', {}],
    ['a wrong key', bearer('read-key2')],
    ['an empty key', { authorization: 'Bearer ' }],
    ['another scheme', { authorization: 'Basic read-key' }],
    ['the digest in place of the key', bearer(KEYS[0].sha256)],
    ['a key of a megabyte', bearer('k'.repeat(1024 * 1024))],
    ['two keys in one header', { authorization: 'Bearer read-key, Bearer read-key' }],
    ['a key in a cookie', { cookie: 'authorization=Bearer read-key' }],
  ])('%s is 401', async (_, headers) => {
    const { status, json, headers: got } = await encode(headers as Record<string, string>);
    expect({ status, code: json.error.code }).toEqual({ status: 401, code: 'unauthorized' });
    expect(got.get('www-authenticate')).toBe('Bearer');
  });

  it('are not read from the address, and not logged', async () => {
    for (const name of ['key', 'api_key', 'apikey', 'access_token', 'authorization']) {
      const { status, text } = await post(`/encode?${name}=read-key`, { texts: 'a' });
      expect(status).toBe(401);
      expect(text).not.toContain('read-key');
    }
    expect(logged).toEqual([]);
  });

  it('are refused before anything is read of the body', async () => {
    const unread = new ReadableStream(
      {
        pull() {
          throw new Error('the body was read');
        },
      },
      { highWaterMark: 0 },
    );
    expect((await post('/encode', unread)).status).toBe(401);
  });

  it('are asked for in the shape of each dialect', async () => {
    const openai = await post('/v1/embeddings', { model: 'fake', input: 'a' });
    expect(openai).toMatchObject({ status: 401, json: { error: { code: 'invalid_api_key', param: null } } });
    for (const path of ['/embed', '/tokenize', '/rerank']) {
      expect(await post(path, { inputs: 'a' })).toMatchObject({ status: 401, text: '' });
    }
    expect(await post('/v2/rerank', {})).toMatchObject({ status: 401, json: { message: expect.any(String) } });
    expect(await post('/ai/run/@cf/baai/bge-m3', {})).toMatchObject({ status: 401, json: { success: false } });
  });

  it.each(['/health', '/', '/ping', '/metrics', '/openapi.json', '/docs'])('are not asked for at %s', async (path) => {
    expect((await send(path)).status).toBe(200);
  });

  it('are asked for at /info and /v1/models', async () => {
    expect((await send('/info')).status).toBe(401);
    expect((await send('/v1/models')).status).toBe(401);
    expect((await send('/info', { headers: bearer('read-key') })).status).toBe(200);
  });
});

describe('E52: roles', () => {
  const access = createAccess({ keys });
  const admit = (key: string, role: 'read' | 'write' | 'admin') =>
    access.admit(new Headers(bearer(key)), '192.0.2.1', role);

  it('include those before them', async () => {
    expect(await admit('admin-key', 'read')).toEqual({ id: 'boss', tenant: 'b', role: 'admin' });
    expect(await admit('write-key', 'write')).toMatchObject({ tenant: 'a' });
    await expect(admit('read-key', 'write')).rejects.toMatchObject({ code: 'forbidden' });
    await expect(admit('write-key', 'admin')).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('without keys', () => {
  it('a deployed Worker lets nobody in, and says how to change that', async () => {
    const { post, send } = appWith({ keys: [] });
    const { status, json } = await post('/encode', { texts: 'a' }, bearer('read-key'));
    expect(status).toBe(401);
    expect(json.error.message).toMatch(/API_KEYS.*ALLOW_ANONYMOUS=true/);
    expect((await send('/health')).status).toBe(200);
  });

  it('ALLOW_ANONYMOUS=true lets everybody read, and no more', async () => {
    const access = openAccess({ ALLOW_ANONYMOUS: 'true' });
    await expect(access.admit(new Headers(), undefined, 'read')).resolves.toMatchObject({ id: 'anonymous' });
    await expect(access.admit(new Headers(), undefined, 'write')).rejects.toMatchObject({ code: 'forbidden' });
    const local = openAccess({ ALLOW_ANONYMOUS: 'admin' });
    await expect(local.admit(new Headers(), '127.0.0.1', 'admin')).resolves.toMatchObject({ role: 'admin' });
    for (const closed of [{}, { ALLOW_ANONYMOUS: '' }, { ALLOW_ANONYMOUS: 'false' }]) {
      await expect(openAccess(closed).admit(new Headers(), undefined, 'read')).rejects.toMatchObject({
        code: 'unauthorized',
      });
    }
  });

  it('API_KEYS outweighs ALLOW_ANONYMOUS', async () => {
    const access = openAccess({ API_KEYS: JSON.stringify(KEYS), ALLOW_ANONYMOUS: 'true' });
    await expect(access.admit(new Headers(), undefined, 'read')).rejects.toMatchObject({ code: 'unauthorized' });
  });
});

describe('a secret that makes no sense', () => {
  it.each([
    ['{', 'API_KEYS is not JSON'],
    ['{}', 'API_KEYS must be Array'],
    ['[]', 'API_KEYS must name at least one key'],
    ['[{"id":"a"}]', 'API_KEYS[0].tenant'],
    [JSON.stringify([{ ...KEYS[0], sha256: 'read-key' }]), 'API_KEYS[0].sha256 must be 64 hex digits'],
    [JSON.stringify([{ ...KEYS[0], role: 'root' }]), 'API_KEYS[0].role'],
    [JSON.stringify([{ ...KEYS[0], id: 'a\nb' }]), 'API_KEYS[0].id'],
    [JSON.stringify([{ ...KEYS[0], key: 'read-key' }]), 'API_KEYS[0].key'],
    [JSON.stringify([{ ...KEYS[0], tokens_per_day: 0 }]), 'API_KEYS[0].tokens_per_day'],
    [JSON.stringify([KEYS[0], { ...KEYS[1], id: 'reader' }]), 'API_KEYS names an id twice'],
  ])('%s lets nobody in: the log says why, without what it holds', async (API_KEYS, problem) => {
    const access = openAccess({ API_KEYS, ALLOW_ANONYMOUS: 'true' });
    const { post, logged } = appUnderTest(async () => fakeEmbedder(), { access });
    const { status, text } = await post('/encode', { texts: 'a' }, bearer('read-key'));
    expect(status).toBe(500);
    expect(text).not.toContain('API_KEYS');
    expect(logged).toMatchObject([{ message: expect.stringContaining(problem) }]);
    expect(JSON.stringify(logged[0]!.message)).not.toMatch(/read-key/);
  });

  it('as ALLOW_ANONYMOUS lets nobody in', async () => {
    const access = openAccess({ ALLOW_ANONYMOUS: 'yes' });
    await expect(access.admit(new Headers(), undefined, 'read')).rejects.toThrow('ALLOW_ANONYMOUS must be');
  });
});

describe('E53: limits', () => {
  const from = (address: string) => ({ 'cf-connecting-ip': address });
  let clock = 0;
  beforeEach(() => {
    clock = 1_000_000;
  });

  it('are counted by key, whatever the address', async () => {
    const requests = limiterOf(2);
    const { post } = appWith({ requests });
    const encode = (key: string, address: string) =>
      post('/encode', { texts: 'a' }, { ...bearer(key), ...from(address) });
    expect((await encode('read-key', '192.0.2.1')).status).toBe(200);
    expect((await encode('read-key', '192.0.2.2')).status).toBe(200);
    const { status, json, headers } = await encode('read-key', '192.0.2.3');
    expect({ status, code: json.error.code }).toEqual({ status: 429, code: 'rate_limited' });
    expect(headers.get('retry-after')).toBe('60');
    expect((await encode('write-key', '192.0.2.1')).status).toBe(200);
    expect([...requests.asked.keys()]).toEqual(['key reader', 'key writer']);
  });

  it('are counted by address where there are no keys, but on this machine', async () => {
    const { post } = appWith({ keys: [], anonymous: 'read', requests: limiterOf(1) });
    const encode = (address: string) => post('/encode', { texts: 'a' }, from(address));
    expect((await encode('192.0.2.1')).status).toBe(200);
    expect((await encode('192.0.2.1')).status).toBe(429);
    for (const address of ['127.0.0.1', '127.0.0.1', '::1', '::1']) expect((await encode(address)).status).toBe(200);
  });

  it('hold wrong keys back by address, for a minute', async () => {
    const { post } = appWith({ failures: limiterOf(3), now: () => clock });
    const encode = async (key: string, address: string) =>
      (await post('/encode', { texts: 'a' }, { ...bearer(key), ...from(address) })).status;
    for (const guess of ['a', 'b', 'c']) expect(await encode(guess, '192.0.2.1')).toBe(401);
    expect(await encode('d', '192.0.2.1')).toBe(429);
    expect(await encode('e', '192.0.2.2'), 'another address').toBe(401);
    expect(await encode('read-key', '192.0.2.1'), 'a right guess tells nothing').toBe(429);
    clock += 60_001;
    expect(await encode('read-key', '192.0.2.1')).toBe(200);
  });

  it('let a key go on that was known from the address before a neighbour guessed', async () => {
    const { post } = appWith({ failures: limiterOf(1), now: () => clock });
    const encode = async (key: string) =>
      (await post('/encode', { texts: 'a' }, { ...bearer(key), ...from('192.0.2.1') })).status;
    expect(await encode('read-key')).toBe(200);
    expect(await encode('a')).toBe(401);
    expect(await encode('b')).toBe(429);
    expect(await encode('read-key')).toBe(200);
    expect(await encode('admin-key')).toBe(429);
  });

  it('do not count callers who bring no key', async () => {
    const failures = limiterOf(0);
    const { post } = appWith({ failures });
    expect((await post('/encode', { texts: 'a' })).status).toBe(401);
    expect(failures.asked.size).toBe(0);
  });
});
