import { beforeEach, describe, expect, it } from 'vitest';
import { servingSet } from '../../../src/documents/stored-vectors.ts';
import { RETENTION_SECONDS, rollBack, sweepSome, switchByHand } from '../../../src/documents/vector-sets.ts';
import { ServiceError } from '../../../src/errors.ts';
import { db, jobStand, put, rows, vectorRows } from './job-stand.ts';
import { resetDocuments } from './reset-documents.ts';

const OLD = '00000000000000a1';
const NEW = '00000000000000b2';
const texts = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`d${String(i).padStart(2, '0')}`, `text ${i}`]));
const serving = async () => (await servingSet(db))?.fingerprint;
const countOf = async (fingerprint: string) => {
  const sql = `SELECT COUNT(*) AS count FROM vectors v JOIN vector_sets s ON s.id = v.set_id
    JOIN documents d ON d.key = v.document AND d.content_hash = v.content_hash WHERE s.fingerprint = '${fingerprint}'`;
  return (await rows(sql))[0]!.count;
};
const old = () => jobStand({ fingerprint: OLD });
const embedAll = async (stand: ReturnType<typeof jobStand>) => {
  await stand.tick(true);
  await stand.deliver();
};

beforeEach(async () => {
  await resetDocuments();
  await put(texts);
  await embedAll(old());
});

describe('fault B28: a model that changes while the store is embedded', () => {
  it('writes beside the old vectors, which readers keep until all new ones are there', async () => {
    let embedded = 0;
    const seen: unknown[] = [];
    const stand = jobStand({
      fingerprint: NEW,
      beforeTexts: async (batch) => {
        seen.push([await serving(), await countOf(OLD), await countOf(NEW)]);
        embedded += batch.length;
      },
    });
    await embedAll(stand);
    expect(embedded).toBe(40);
    expect(seen).toEqual([
      [OLD, 40, 0],
      [OLD, 40, 32],
    ]);
    expect([await serving(), await countOf(OLD), await countOf(NEW)]).toEqual([NEW, 40, 40]);
  });

  it('switches and goes back by one row, and does not switch again by itself', async () => {
    const stand = jobStand({ fingerprint: NEW });
    await embedAll(stand);
    expect(await rollBack(db)).toBe(true);
    expect(await serving()).toBe(OLD);
    await put({ d00: 'changed' });
    await embedAll(stand);
    expect(await serving()).toBe(OLD);
    const [set] = await rows(`SELECT id FROM vector_sets WHERE fingerprint = '${NEW}'`);
    expect(await switchByHand(db, { id: Number(set!.id), fingerprint: NEW })).toBe(true);
    expect(await serving()).toBe(NEW);
  });

  it('embeds a text that changes meanwhile for both, each by the Worker that has the model', async () => {
    const [first, second] = [old(), jobStand({ fingerprint: NEW })];
    await second.tick(true);
    await put({ d07: 'changed' });
    await embedAll(first);
    expect(first.embedded).toEqual(['changed']);
    await embedAll(second);
    expect(second.embedded).toHaveLength(40);
    expect(second.embedded).toContain('changed');
    expect([await countOf(OLD), await countOf(NEW)]).toEqual([40, 40]);
  });

  it('that comes back embeds only what has changed since', async () => {
    await embedAll(jobStand({ fingerprint: NEW }));
    await put({ d03: 'changed', extra: 'new' });
    const back = old();
    await embedAll(back);
    expect([...back.embedded].sort()).toEqual(['changed', 'new']);
    expect(await serving()).toBe(OLD);
  });

  it('that cannot embed what the old one could is not switched to but by hand', async () => {
    const stand = jobStand({
      fingerprint: NEW,
      beforeTexts: (batch) => {
        if (batch.includes('text 5')) throw new ServiceError('input_too_long', 'text has more tokens');
      },
    });
    await embedAll(stand);
    expect([await serving(), await countOf(NEW)]).toEqual([OLD, 39]);
    const [set] = await rows(`SELECT id FROM vector_sets WHERE fingerprint = '${NEW}'`);
    expect(await switchByHand(db, { id: Number(set!.id), fingerprint: NEW })).toBe(true);
    expect(await serving()).toBe(NEW);
  });

  it('is not switched to by hand while documents wait', async () => {
    const stand = jobStand({ fingerprint: NEW });
    await stand.tick(true);
    const [set] = await rows(`SELECT id FROM vector_sets WHERE fingerprint = '${NEW}'`);
    expect(await switchByHand(db, { id: Number(set!.id), fingerprint: NEW })).toBe(false);
  });
});

describe('a set that is of no more use', () => {
  const age = (fingerprint: string) =>
    db
      .prepare(`UPDATE vector_sets SET seen_at = seen_at - ${RETENTION_SECONDS} WHERE fingerprint = '${fingerprint}'`)
      .run();

  it('is kept for the way back, and swept a week after its model was last there', async () => {
    const stand = jobStand({ fingerprint: NEW });
    await embedAll(stand);
    await stand.tick();
    expect(await countOf(OLD)).toBe(40);
    await age(OLD);
    await stand.tick();
    expect(await rows('SELECT fingerprint FROM vector_sets')).toEqual([{ fingerprint: NEW }]);
    for (const table of ['vectors', 'postings', 'jobs']) {
      const sets = await rows(`SELECT DISTINCT set_id FROM ${table} WHERE set_id NOT IN (SELECT id FROM vector_sets)`);
      expect(sets, table).toEqual([]);
    }
    expect(await rollBack(db)).toBe(false);
    expect([await serving(), (await vectorRows()).length]).toEqual([NEW, 40]);
  });

  it('is never the one that readers use, nor one’s own', async () => {
    await embedAll(jobStand({ fingerprint: NEW }));
    await rollBack(db);
    await age(OLD);
    await age(NEW);
    const [set] = await rows(`SELECT id FROM vector_sets WHERE fingerprint = '${NEW}'`);
    expect(await sweepSome(db, { id: Number(set!.id), fingerprint: NEW })).toBe(false);
  });

  it('whose model comes back while it is swept begins anew', async () => {
    const stand = jobStand({ fingerprint: NEW });
    await embedAll(stand);
    await age(OLD);
    const [set] = await rows(`SELECT id FROM vector_sets WHERE fingerprint = '${NEW}'`);
    await sweepSome(db, { id: Number(set!.id), fingerprint: NEW }); // begun, not ended
    const back = old();
    await embedAll(back);
    expect(back.embedded).toHaveLength(40);
    expect([await serving(), await countOf(OLD)]).toEqual([OLD, 40]);
  });
});
