import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it } from 'vitest';
import { packDense, unpackDense } from '../../../src/documents/packed-vectors.ts';
import { rescore } from '../../../src/documents/rescore.ts';
import { type SearchOptions, searchDocuments } from '../../../src/documents/search.ts';
import { DEFAULT_MODE_WEIGHTS, maxSim, type PairScores, scorePair } from '../../../src/scoring/scoring.ts';
import { seededGaussian, seededRandom } from '../../random.ts';
import { resetDocuments } from './reset-documents.ts';
import { COLBERT_SIZE, type StoreRow, writeRows } from './store-rows.ts';

const db = env.DOCUMENTS!;
const WIDTH = 64;
const VOCABULARY = 200;
const DOCUMENTS = 90;
const random = seededRandom(3);
const gaussian = seededGaussian(4);

function unitRows(count: number, width: number): Float32Array {
  const rows = new Float32Array(count * width);
  for (let start = 0; start < rows.length; start += width) {
    const row = Float32Array.from({ length: width }, gaussian);
    const norm = Math.hypot(...row);
    rows.set(
      row.map((value) => value / norm),
      start,
    );
  }
  return rows;
}
const someWeights = (count: number) =>
  new Map(
    Array.from({ length: count }, () => [Math.floor(VOCABULARY * random() ** 2), Math.fround(random() / 3)] as const),
  );

const MINE = 1;
const SERVING = { id: 1, fingerprint: 'f1' };
const scope = { set: SERVING, tenant: MINE };
const row = (key: number, changes: Partial<StoreRow> = {}): StoreRow => ({
  key,
  tenant: MINE,
  set: SERVING.id,
  dense: unitRows(1, WIDTH),
  weights: someWeights(12),
  metadata: { lang: ['en', 'de', 'ja'][key % 3], year: 2000 + (key % 2), draft: key % 5 === 0, 'a.b "c"': key % 7 },
  ...changes,
});
/** Every third with ColBERT rows. */
const mine = Array.from({ length: DOCUMENTS }, (_, i) =>
  row(i + 1, { ...(i % 3 === 0 && { colbert: unitRows(5 + (i % 4), COLBERT_SIZE) }) }),
);
const query = { dense: unitRows(1, WIDTH), lexicalWeights: someWeights(6) };
const colbert = unitRows(4, COLBERT_SIZE);

const options: SearchOptions = { mode: 'sparse+dense', weights: DEFAULT_MODE_WEIGHTS, candidates: 1000, limit: 1000 };
const search = (changes: Partial<SearchOptions> = {}, where: Partial<Parameters<typeof searchDocuments>[1]> = {}) =>
  searchDocuments(db, { ...scope, ...where }, query, { ...options, ...changes });

/** `/score` of every document, from the dense vectors as they were or as they are stored. */
function bruteForce(mode: keyof PairScores, weights = DEFAULT_MODE_WEIGHTS, isStored = true) {
  return mine
    .map(({ key, dense, weights: lexicalWeights }) => {
      const passage = { dense: isStored ? unpackDense(packDense(dense)) : dense, lexicalWeights, colbert };
      return { document: key, score: scorePair({ ...query, colbert }, passage, COLBERT_SIZE, weights)[mode] };
    })
    .sort((a, b) => b.score - a.score || a.document - b.document);
}

beforeAll(async () => {
  await resetDocuments();
  await db.batch([
    db.prepare("INSERT INTO tenants (id, name) VALUES (1, 'mine'), (2, 'theirs'), (3, 'nobody')"),
    db.prepare("INSERT INTO vector_sets (id, fingerprint) VALUES (1, 'f1'), (2, 'f2')"),
  ]);
  await writeRows(mine);
  // What must not be seen: perfect answers of another tenant, and in a set that is being made.
  const perfect = { dense: query.dense, weights: query.lexicalWeights };
  await writeRows([row(1001, { ...perfect, tenant: 2 }), row(1002, { ...perfect, set: 2 })]);
});

describe('searchDocuments', () => {
  const modes = ['dense', 'sparse', 'sparse+dense'] as const;

  it.each(modes)(
    'ranks by %s as all documents scored by /score are ranked, where candidates cover them',
    async (mode) => {
      const { hits, scored, isComplete } = await search({ mode });
      expect({ scored, isComplete }).toEqual({ scored: DOCUMENTS, isComplete: true });
      expect(hits.map(({ document, scores }) => ({ document, score: scores[mode] }))).toEqual(bruteForce(mode));
    },
  );

  it('differs from vectors that were not rounded for storage by a thousandth at most', async () => {
    const { hits } = await search();
    const exact = new Map(
      bruteForce('dense', DEFAULT_MODE_WEIGHTS, false).map(({ document, score }) => [document, score]),
    );
    // float16 has 11 bits: 2^-12 of each product, whose sizes sum up to at most 1. Seen: 4e-5.
    for (const { document, scores } of hits)
      expect(Math.abs(scores.dense - exact.get(document)!)).toBeLessThan(2 ** -12);
  });

  it('weighs', async () => {
    const weights = [0.2, 3, 1] as const;
    const { hits } = await search({ weights });
    expect(hits.map(({ document }) => document)).toEqual(
      bruteForce('sparse+dense', weights).map(({ document }) => document),
    );
  });

  it('finds the best by sparse exactly with few candidates, and says that it has not seen all', async () => {
    const { hits, scored, isComplete } = await search({ mode: 'sparse', candidates: 10, limit: 10 });
    expect({ scored, isComplete }).toEqual({ scored: 10, isComplete: false });
    expect(hits.map(({ document }) => document)).toEqual(
      bruteForce('sparse')
        .slice(0, 10)
        .map(({ document }) => document),
    );
  });

  it('fills candidates with documents that share no token, so that a small store is searched whole', async () => {
    const alone = { ...query, lexicalWeights: new Map([[VOCABULARY + 1, 0.5]]) };
    const { hits, isComplete } = await searchDocuments(db, scope, alone, { ...options, mode: 'dense' });
    expect(isComplete).toBe(true);
    expect(hits.map(({ document }) => document)).toEqual(bruteForce('dense').map(({ document }) => document));
  });

  it('takes what another store finds near, and scores it from the database', async () => {
    const best = bruteForce('dense')[0]!.document;
    const weights = new Map([
      [
        mine
          .find(({ key }) => key !== best)!
          .weights.keys()
          .next().value!,
        0.5,
      ],
    ]);
    const wordsElsewhere = { ...query, lexicalWeights: weights };
    const few: SearchOptions = { ...options, mode: 'dense', candidates: 3, limit: 3 };
    const asked: Float32Array[] = [];
    const nearest = async (dense: Float32Array) => {
      asked.push(dense);
      return [1001, 1002, 5555, best]; // another tenant's, another set's, and one that has gone
    };
    const { hits } = await searchDocuments(db, scope, wordsElsewhere, { ...few, nearest });
    expect(asked).toEqual([query.dense]);
    expect(hits[0]).toMatchObject({ document: best, scores: { dense: bruteForce('dense')[0]!.score } });
    expect(hits.map(({ document }) => document)).not.toContain(1001);
    expect(hits.map(({ document }) => document)).not.toContain(1002);
  });

  it('sees nothing of another tenant, and nothing of a set that is being made', async () => {
    const { hits } = await search();
    expect(hits.filter(({ document }) => document > 1000)).toEqual([]);
    const theirs = await search({}, { tenant: 2 });
    expect(theirs.hits.map(({ document }) => document)).toEqual([1001]);
    expect((await search({}, { tenant: 3 })).hits).toEqual([]);
    const made = await search({}, { set: { id: 2, fingerprint: 'f2' } });
    expect(made.hits.map(({ document }) => document)).toEqual([1002]);
  });

  it.each<[string, Record<string, string | number | boolean | null>, (key: number) => boolean]>([
    ['a string', { lang: 'ja' }, (key) => key % 3 === 2],
    ['two fields', { lang: 'ja', year: 2001 }, (key) => key % 3 === 2 && key % 2 === 1],
    ['true', { draft: true }, (key) => key % 5 === 0],
    ['a number where there is true', { draft: 1 }, () => false],
    ['a number written otherwise', { year: 2e3 }, (key) => key % 2 === 0],
    ['a name with signs', { 'a.b "c"': 3 }, (key) => key % 7 === 3],
    ['null', { lang: null }, () => false],
    ['a field that is not there', { "x' OR 1=1 --": 'y' }, () => false],
    ['nothing', {}, () => true],
  ])('filters by %s, in the candidates of words and in the others', async (_, filter, passes) => {
    const expected = bruteForce('sparse+dense')
      .map(({ document }) => document)
      .filter(passes);
    const { hits } = await search({ nearest: async () => [1, 2, 3, 4, 5, 6, 7, 8] }, { filter });
    expect(hits.map(({ document }) => document)).toEqual(expected);
  });

  it('filters before it counts candidates', async () => {
    const { hits } = await search({ mode: 'sparse', candidates: 5, limit: 5 }, { filter: { lang: 'ja' } });
    const expected = bruteForce('sparse').filter(({ document }) => document % 3 === 2);
    expect(hits.map(({ document }) => document)).toEqual(expected.slice(0, 5).map(({ document }) => document));
  });

  it('does not find a document that was deleted', async () => {
    const best = bruteForce('sparse+dense')[0]!.document;
    await db.prepare('DELETE FROM documents WHERE key = ?').bind(best).run();
    const { hits } = await search({ nearest: async () => [best] });
    expect(hits.map(({ document }) => document)).toEqual(
      bruteForce('sparse+dense')
        .slice(1)
        .map(({ document }) => document),
    );
    await writeRows(mine.filter(({ key }) => key === best));
  });
});

describe('rescore', () => {
  const RESCORE = {
    colbertSize: COLBERT_SIZE,
    maxSim: (query: Float32Array, passage: Float32Array) => maxSim(query, passage, COLBERT_SIZE),
  };

  it('scores by stored rows where there are any, and by rows made anew elsewhere', async () => {
    const { hits } = await search({ limit: 30 });
    const rowsOf = new Map(hits.map(({ document }) => [document, unitRows(6, COLBERT_SIZE)]));
    const asked: number[] = [];
    async function* embedRows(documents: readonly number[]) {
      asked.push(...documents);
      for (const document of documents) yield [document, rowsOf.get(document)!] as const;
    }
    const weights = [0.4, 0.2, 0.4] as const;
    const rescored = await rescore(db, scope, colbert, hits, { weights, ...RESCORE, embedRows });
    expect(rescored.map(({ document }) => document)).toEqual(hits.map(({ document }) => document));
    const without = hits.map(({ document }) => document).filter((document) => document % 3 !== 1);
    expect(asked.toSorted()).toEqual(without.toSorted());
    for (const { document, scores } of rescored) {
      const stored = mine[document - 1]!.colbert;
      const exact = maxSim(colbert, stored ?? rowsOf.get(document)!, COLBERT_SIZE);
      // A bit a dimension: of 32 dimensions it keeps a cosine within about 1 / sqrt(32). Seen: 0.2.
      if (stored) expect(Math.abs(scores.colbert! - exact)).toBeLessThan(0.4);
      else expect(scores.colbert).toBe(exact);
      const { dense, sparse, colbert: late } = scores;
      expect(scores['colbert+sparse+dense']).toBeCloseTo(0.4 * dense + 0.2 * sparse + 0.4 * late!, 12);
    }
  });

  it('leaves out a document that has gone meanwhile', async () => {
    const { hits } = await search({ limit: 6 });
    const rescored = await rescore(db, scope, colbert, hits, {
      weights: DEFAULT_MODE_WEIGHTS,
      ...RESCORE,
      async *embedRows() {},
    });
    expect(rescored.map(({ document }) => document)).toEqual(
      hits.map(({ document }) => document).filter((document) => document % 3 === 1),
    );
  });
});
