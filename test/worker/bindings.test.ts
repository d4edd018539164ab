import { env, exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { openAccess } from '../../src/auth/open-access.ts';
import { worker } from './call-worker.ts';

const MODEL = '@cf/baai/bge-m3';
/** Of "key". */
const SHA256 = '2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683';
const authorization = { authorization: 'Bearer key' };

describe('env.AI.run, bound to this Worker', () => {
  const AI = exports.WorkersAi;
  /** Awaits the call itself: of a promise of RPC each look is one of its own, and one that nobody takes fails astray. */
  const messageOf = async (...args: Parameters<typeof AI.run>): Promise<string | undefined> => {
    try {
      await AI.run(...args);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  };

  it('gives what HTTP gives, without the envelope', async () => {
    for (const input of [
      { text: ['What is BGE M3?', 'BM25'] },
      { query: 'What is BGE M3?', contexts: [{ text: 'BM25' }] },
      { contexts: [{ text: 'BM25' }] },
    ]) {
      const { json } = await worker.post(`/ai/run/${MODEL}`, input);
      expect(await AI.run(MODEL, input)).toEqual(json.result);
    }
  });

  it('takes the options that ask for nothing else, and refuses the others', async () => {
    const input = { text: 'BM25' };
    const options = { queueRequest: false, gateway: { id: 'g' }, tags: ['a'] };
    expect(await AI.run(MODEL, input, options)).toEqual(await AI.run(MODEL, input));
    expect(await messageOf(MODEL, input, { queueRequest: true })).toContain('5004: queueRequest');
    expect(await messageOf(MODEL, input, { returnRawResponse: true })).toContain('5004: returnRawResponse');
  });

  it('fails with the codes of Workers AI', async () => {
    expect(await messageOf('@cf/meta/llama-3-8b-instruct', { text: 'a' })).toMatch(/^5007: no such model/);
    expect(await messageOf(MODEL, { text: '' })).toMatch(/^5004: text/);
    expect(await messageOf(MODEL, { text: 'word '.repeat(2000) })).toMatch(/^5004: text has more than/);
  });
});

describe('TOKEN_BUDGETS', () => {
  const keyOf = (id: string, tokens_per_day: number) =>
    openAccess({
      API_KEYS: JSON.stringify([{ id, tenant: 't', sha256: SHA256, role: 'read', tokens_per_day }]),
      TOKEN_BUDGETS: env.TOKEN_BUDGETS,
    }).admit(new Headers(authorization), undefined, 'read');

  it('count a key’s tokens in one place, however many ask at once', async () => {
    const callers = await Promise.all(Array.from({ length: 10 }, () => keyOf('many', 50)));
    const outcomes = await Promise.allSettled(callers.map(({ budget }) => budget!.take(7)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(7);
    await callers[0]!.budget!.giveBack(7);
    await expect(callers[1]!.budget!.take(8)).resolves.toBeUndefined();
    await expect(callers[1]!.budget!.take(1)).rejects.toMatchObject({ code: 'rate_limited' });
  });

  it('keep keys apart', async () => {
    const [a, b] = [await keyOf('a', 10), await keyOf('b', 10)];
    await a.budget!.take(10);
    await expect(b.budget!.take(10)).resolves.toBeUndefined();
  });
});

describe('REQUEST_LIMIT and LOGIN_LIMIT', () => {
  it('are the bindings of wrangler.toml, with its limits', async () => {
    const access = openAccess({
      API_KEYS: JSON.stringify([{ id: 'k', tenant: 't', sha256: SHA256, role: 'read' }]),
      REQUEST_LIMIT: env.REQUEST_LIMIT,
      LOGIN_LIMIT: env.LOGIN_LIMIT,
    });
    const guess = (key: string) => access.admit(new Headers({ authorization: `Bearer ${key}` }), '192.0.2.7', 'read');
    const codes: string[] = [];
    for (let i = 0; i < 11; i++) codes.push(await guess('wrong').catch(({ code }) => code));
    expect(codes).toEqual([...Array(10).fill('unauthorized'), 'rate_limited']);
    await expect(guess('key')).rejects.toMatchObject({ code: 'rate_limited' });
    const admitted = await access.admit(new Headers(authorization), '192.0.2.8', 'read');
    expect(admitted).toMatchObject({ id: 'k' });
  });
});
