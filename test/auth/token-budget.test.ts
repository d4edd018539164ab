import { describe, expect, it } from 'vitest';
import { createAccess } from '../../src/auth/access.ts';
import { type BudgetStore, createTokenBudget, type DaySpent, dayOf, spendTokens } from '../../src/auth/token-budget.ts';
import { ServiceError } from '../../src/errors.ts';
import { appUnderTest } from '../support/call-app.ts';
import { fakeEmbedder } from '../support/fake-embedder.ts';

/** As the Durable Object keeps it. */
function memoryStore(now: () => number): BudgetStore & { spent?: DaySpent | undefined } {
  return {
    async spend(tokens, perDay) {
      const after = spendTokens(this.spent, dayOf(now()), tokens, perDay);
      if (after) this.spent = after;
      return after !== undefined;
    },
  };
}

const NOON = Date.UTC(2026, 9, 15, 12);
const DIGEST = '2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683'; // of "key"

function keyWith(tokensPerDay: number, embedder = fakeEmbedder()) {
  let nowMs = NOON;
  const now = () => nowMs;
  const store = memoryStore(now);
  const sha256 = Uint8Array.from(Buffer.from(DIGEST, 'hex'));
  const access = createAccess({
    keys: [{ id: 'k', tenant: 't', sha256, role: 'read', tokensPerDay }],
    openBudget: (key) => createTokenBudget(store, key.tokensPerDay, now),
  });
  const { post } = appUnderTest(async () => embedder, { access });
  const encode = (texts: string[]) => post('/encode', { texts }, { authorization: 'Bearer key' });
  return { store, embedder, encode, later: (ms: number) => (nowMs += ms) };
}

describe('E53: tokens_per_day', () => {
  it('is spent before anything is computed, and never beyond its end', async () => {
    const { encode, store, embedder } = keyWith(12);
    expect((await encode(['cat'])).status).toBe(200); // 5 tokens: a token a character, and two
    expect(store.spent).toEqual({ day: '2026-10-15', tokens: 5 });
    const before = embedder.calls.length;
    const { status, json, headers } = await encode(['a text']);
    expect({ status, code: json.error.code }).toEqual({ status: 429, code: 'rate_limited' });
    expect(headers.get('retry-after')).toBe(String(12 * 60 * 60));
    expect(embedder.calls.length).toBe(before);
    expect((await encode(['a', 'b'])).status).toBe(200);
    expect(store.spent!.tokens).toBe(11);
  });

  it('begins anew with the day of UTC', async () => {
    const { encode, later } = keyWith(5);
    expect((await encode(['cat'])).status).toBe(200);
    expect((await encode(['cat'])).status).toBe(429);
    later(12 * 60 * 60 * 1000);
    expect((await encode(['cat'])).status).toBe(200);
  });

  it('refuses for good what a whole day has not', async () => {
    const { encode } = keyWith(4);
    expect(await encode(['cat'])).toMatchObject({ status: 422, json: { error: { code: 'budget_exceeded' } } });
  });

  it('comes back where a request fails', async () => {
    const embedder = fakeEmbedder({
      beforeText(index) {
        if (index === 1) throw new ServiceError('overloaded', 'busy');
      },
    });
    const { encode, store } = keyWith(100, embedder);
    expect((await encode(['cat', 'dog!'])).status).toBe(429);
    expect(store.spent!.tokens).toBe(5); // of the text that was computed
  });

  it('is not touched by what is refused before', async () => {
    const { encode, store } = keyWith(1000);
    expect((await encode(['x'.repeat(600)])).status).toBe(422);
    expect(store.spent).toBeUndefined();
  });

  it('is enforced for each of many at once', async () => {
    const { encode, store } = keyWith(12);
    const statuses = await Promise.all(['cat', 'dog', 'cow', 'pig'].map(async (text) => (await encode([text])).status));
    expect(statuses.sort()).toEqual([200, 200, 429, 429]);
    expect(store.spent!.tokens).toBe(10);
  });
});

it('a key with tokens_per_day needs somewhere to count them', async () => {
  const sha256 = Uint8Array.from(Buffer.from(DIGEST, 'hex'));
  const access = createAccess({ keys: [{ id: 'k', tenant: 't', sha256, role: 'read', tokensPerDay: 5 }] });
  await expect(access.admit(new Headers({ authorization: 'Bearer key' }), undefined, 'read')).rejects.toThrow(
    'TOKEN_BUDGETS is not bound',
  );
});
