import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import { readVectors, servingSet } from '../../../src/documents/stored-vectors.ts';
import { resetDocuments } from './reset-documents.ts';

const db = env.DOCUMENTS!;
const rows = async (sql: string) => (await db.prepare(sql).all()).results;
/** A unit vector of two dimensions, float16. */
const DENSE = "x'00340036'";

beforeEach(async () => {
  await resetDocuments();
  await db.batch([
    db.prepare("INSERT INTO tenants (id, name) VALUES (1, 'a')"),
    db.prepare("INSERT INTO vector_sets (id, fingerprint) VALUES (1, 'f1'), (2, 'f2')"),
    db.prepare("INSERT INTO documents (key, tenant, id, text, content_hash) VALUES (7, 1, 'd', 'one', 'h1')"),
    db.prepare(
      `INSERT INTO vectors (set_id, document, tenant, content_hash, revision, tokens, dense, sparse, external_id)
       VALUES (1, 7, 1, 'h1', 1, 3, ${DENSE}, '{"5":0.25,"3":0.1}', 'x-1')`,
    ),
  ]);
});

describe('the tables', () => {
  it('promise to embed a new document for every set, in the same statement', async () => {
    expect(await rows('SELECT set_id, document, state FROM jobs')).toEqual([
      { set_id: 1, document: 7, state: 'pending' },
      { set_id: 2, document: 7, state: 'pending' },
    ]);
  });

  it('promise it anew where the text changes, whoever has claimed it, and not where something else does', async () => {
    await db.prepare("UPDATE jobs SET attempts = 3, claim = 'c', free_at = 1e12, state = 'failed'").run();
    await db.prepare("UPDATE documents SET metadata = '{}', content_hash = 'h1'").run();
    expect(await rows('SELECT DISTINCT claim FROM jobs')).toEqual([{ claim: 'c' }]);
    await db.prepare("UPDATE documents SET text = 'two', content_hash = 'h2'").run();
    expect(await rows('SELECT DISTINCT state, attempts, claim, free_at FROM jobs')).toEqual([
      { state: 'pending', attempts: 0, claim: null, free_at: 0 },
    ]);
  });

  it('index the lexical weights that were written, and no others', async () => {
    const postings = 'SELECT tenant, token, document, weight FROM postings';
    expect(await rows(postings)).toEqual([
      { tenant: 1, token: 3, document: 7, weight: 0.1 },
      { tenant: 1, token: 5, document: 7, weight: 0.25 },
    ]);
    await db
      .prepare(
        `INSERT INTO vectors (set_id, document, tenant, content_hash, revision, tokens, dense, sparse, external_id)
         VALUES (1, 7, 1, 'h2', 2, 3, ${DENSE}, '{"5":0.5}', 'x-2') ON CONFLICT DO UPDATE
         SET content_hash = excluded.content_hash, sparse = excluded.sparse, external_id = excluded.external_id`,
      )
      .run();
    expect(await rows(postings)).toEqual([{ tenant: 1, token: 5, document: 7, weight: 0.5 }]);
    expect(await rows('SELECT external_id FROM removals')).toEqual([{ external_id: 'x-1' }]);
  });

  it('forget a document everywhere, and remember what lies outside', async () => {
    await db.prepare('DELETE FROM documents').run();
    for (const table of ['jobs', 'vectors', 'postings']) {
      expect(await rows(`SELECT * FROM ${table}`), table).toEqual([]);
    }
    expect(await rows('SELECT external_id FROM removals')).toEqual([{ external_id: 'x-1' }]);
  });

  it('have one row that says which set is read', async () => {
    expect(await servingSet(db)).toBeUndefined();
    await db.prepare('UPDATE serving SET set_id = 2').run();
    expect(await servingSet(db)).toEqual({ id: 2, fingerprint: 'f2' });
  });

  it('are read back as vectors, of the tenant alone', async () => {
    const set = { id: 1, fingerprint: 'f1' };
    const [stored, ...others] = await readVectors(db, set, 1, [1, 7]);
    expect(others).toEqual([]);
    expect(stored).toEqual({
      document: 7,
      contentHash: 'h1',
      tokens: 3,
      dense: Float32Array.of(0.25, 0.375),
      lexicalWeights: new Map([
        [3, Math.fround(0.1)],
        [5, 0.25],
      ]),
    });
    expect(await readVectors(db, set, 2, [7])).toEqual([]);
  });
});
