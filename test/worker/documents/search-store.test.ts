import { beforeEach, describe, expect, it } from 'vitest';
import { deleteDocument, putDocuments } from '../../../src/documents/document-store.ts';
import { type StoreDeps, type StoreQuery, searchStore } from '../../../src/documents/search-store.ts';
import type { Embedder } from '../../../src/embedder.ts';
import { scorePair } from '../../../src/scoring/scoring.ts';
import { COLBERT, FINGERPRINT, fakeEmbedder } from '../../support/fake-embedder.ts';
import { db, jobStand, put } from './job-stand.ts';
import { resetDocuments } from './reset-documents.ts';

const embedder = fakeEmbedder();
const QUERY: StoreQuery = {
  query: 'river bank',
  mode: 'sparse+dense',
  limit: 10,
  candidates: 200,
  rescore: 20,
  withText: false,
  truncate: false,
};
const search = (changes: Partial<StoreQuery> = {}, deps: Partial<StoreDeps> = {}) =>
  searchStore({ db, embedder, tenant: 'a', ...deps }, { ...QUERY, ...changes });
const TEXTS: Readonly<Record<string, string>> = {
  near: 'river banks',
  far: 'zzz',
  money: 'the bank gives money',
  water: 'a river has two banks',
};

beforeEach(resetDocuments);
/** Stores texts and embeds them. */
async function embedAll(texts = TEXTS, tenant = 'a', options: Parameters<typeof jobStand>[0] = {}) {
  const stand = jobStand(options);
  await put(texts, tenant);
  await stand.tick(true);
  await stand.deliver();
}

/** `/score` of the texts themselves. */
async function scores(mode: keyof ReturnType<typeof scorePair>) {
  const parts = { dense: true, sparse: true, colbert: true };
  const [query, ...passages] = await embedder.embed([QUERY.query, ...Object.values(TEXTS)], parts);
  const all = (embedding: (typeof passages)[0]) => embedding as Required<typeof embedding>;
  return Object.keys(TEXTS)
    .map((id, i) => ({ id, score: scorePair(all(query!), all(passages[i]!), COLBERT)[mode] }))
    .sort((a, b) => b.score - a.score);
}

describe('searchStore', () => {
  it.each(['dense', 'sparse', 'colbert', 'sparse+dense', 'colbert+sparse+dense'] as const)(
    'ranks what was embedded by %s, as /score does',
    async (mode) => {
      await embedAll();
      const { found, scored, isComplete } = await search({ mode });
      const expected = await scores(mode);
      expect({ scored, isComplete }).toEqual({ scored: 4, isComplete: true });
      expect(found.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
      // float16 in the store.
      found.forEach(({ scores }, i) => {
        expect(scores[mode]).toBeCloseTo(expected[i]!.score, 3);
      });
    },
  );

  it('embeds for ColBERT the best documents alone, as far as none of their rows are stored', async () => {
    await embedAll();
    const { found, passageTokens } = await search({ mode: 'colbert', rescore: 2, limit: 1 });
    expect(found).toHaveLength(1);
    const best = (await scores('sparse+dense')).slice(0, 2);
    expect(passageTokens).toBe(best.reduce((sum, { id }) => sum + TEXTS[id]!.length + 2, 0));
    await resetDocuments();
    await embedAll(TEXTS, 'a', { keepColbert: true });
    expect(await search({ mode: 'colbert', rescore: 2 })).toMatchObject({ passageTokens: 0, scored: 4 });
  });

  it('ranks by ColBERT also where its weight is the only one', async () => {
    await embedAll();
    const { found } = await search({ mode: 'colbert+sparse+dense', weights: [0, 0, 1] });
    expect(found.map(({ id }) => id)).toEqual((await scores('colbert')).map(({ id }) => id));
  });

  it('returns metadata, and the text where it is asked for', async () => {
    await putDocuments(db, 'a', [{ id: 'm', text: 'river', metadata: { lang: 'en' } }]);
    await embedAll({ near: 'river bank' });
    const plain = await search({ filter: { lang: 'en' } });
    expect(plain.found.map(({ id, metadata, text }) => ({ id, metadata, text }))).toEqual([
      { id: 'm', metadata: { lang: 'en' }, text: undefined },
    ]);
    const [first] = (await search({ withText: true })).found;
    expect(first).toMatchObject({ id: 'near', text: 'river bank', isStale: false });
  });

  it('finds a changed document by its earlier text until it is embedded again, and says so', async () => {
    await embedAll();
    await put({ near: 'quite another thing' });
    const [first] = (await search({ withText: true })).found;
    expect(first).toMatchObject({ id: 'near', text: 'quite another thing', isStale: true });
    await embedAll({});
    expect((await search()).found.find(({ id }) => id === 'near')!.isStale).toBe(false);
  });

  it('does not find what was deleted, or what is another tenant’s', async () => {
    await embedAll();
    await embedAll({ near: QUERY.query }, 'b');
    await deleteDocument(db, 'a', 'near');
    expect((await search()).found.map(({ id }) => id).toSorted()).toEqual(['far', 'money', 'water']);
    expect((await search({}, { tenant: 'b' })).found.map(({ id }) => id)).toEqual(['near']);
    expect(await search({}, { tenant: 'c' })).toMatchObject({ found: [], scored: 0, isComplete: true });
  });

  it('finds nothing where nothing is embedded yet', async () => {
    expect(await search()).toMatchObject({ found: [], scored: 0, queryTokens: QUERY.query.length + 2 });
  });

  it('asks the other store for documents near the query, by the name of the tenant', async () => {
    await embedAll();
    const asked: unknown[] = [];
    const nearest: StoreDeps['nearest'] = async (dense, tenant, set) => {
      asked.push({ size: dense.length, tenant, fingerprint: set.fingerprint });
      return [];
    };
    await search({}, { nearest });
    expect(asked).toEqual([{ size: 64, tenant: 'a', fingerprint: FINGERPRINT }]);
  });

  it('refuses to compare a query with the vectors of another model, before it embeds it', async () => {
    await embedAll();
    const other: Embedder = { ...fakeEmbedder(), fingerprint: 'fedcba9876543210' };
    await expect(search({}, { embedder: other })).rejects.toMatchObject({
      code: 'fingerprint_mismatch',
      message: expect.stringMatching(/0123456789abcdef.*fedcba9876543210.*reembed\/status/),
    });
    expect((other as ReturnType<typeof fakeEmbedder>).calls).toEqual([]);
  });

  it('refuses a query that is too long unless it may be cut', async () => {
    const query = 'x'.repeat(600);
    await expect(search({ query })).rejects.toMatchObject({ code: 'input_too_long', param: 'query' });
    expect(await search({ query, truncate: true })).toMatchObject({ isTruncated: true });
  });

  it('refuses results that do not fit into one answer', async () => {
    const texts = Object.fromEntries(['a', 'b', 'c'].map((id) => [id, `${id} ${'long '.repeat(180_000)}`]));
    for (const [id, text] of Object.entries(texts)) await put({ [id]: text });
    const truncating = fakeEmbedder();
    const embedTruncated: Embedder['embed'] = (texts, options) =>
      truncating.embed(
        texts.map((text) => text.slice(0, 100)),
        options,
      );
    await embedAll({}, 'a', { getEmbedder: async () => ({ ...truncating, embed: embedTruncated }) });
    expect((await search()).found).toHaveLength(3);
    await expect(search({ withText: true })).rejects.toMatchObject({ code: 'budget_exceeded', param: 'limit' });
    expect((await search({ withText: true, limit: 2 })).found).toHaveLength(2);
  });
});
