import { type Database, statement } from './database.ts';
import type { VectorSet } from './stored-vectors.ts';

/** A set that this Worker fills. */
export interface OwnSet extends VectorSet {
  /** Whether every document has been looked at once: before that, documents may be missing that nobody has promised to embed. */
  readonly isPlanned: boolean;
  readonly isServing: boolean;
}

/** A set is noted as seen at most so often. */
const SEEN_SECONDS = 60;
/** A set that nobody serves, and no Worker has filled for so long, is swept: until then there is a way back to it. */
export const RETENTION_SECONDS = 7 * 24 * 60 * 60;

/** The set of a fingerprint, made where there is none. The first set of all is served from its beginning. */
export async function openSet(db: Database, fingerprint: string): Promise<OwnSet> {
  const find = `SELECT s.id, s.fingerprint, s.planned_at IS NOT NULL AS planned, s.id IS serving.set_id AS serving,
    s.seen_at <= unixepoch() - ${SEEN_SECONDS} AS stale FROM vector_sets s, serving WHERE s.fingerprint = ?`;
  type Row = VectorSet & { planned: number; serving: number; stale: number };
  let row = await statement(db, find, fingerprint).first<Row>();
  if (!row || row.stale) {
    const [, , found] = await db.batch<Row>([
      statement(
        db,
        'INSERT INTO vector_sets (fingerprint) VALUES (?) ON CONFLICT DO UPDATE SET seen_at = unixepoch()',
        fingerprint,
      ),
      statement(
        db,
        'UPDATE serving SET set_id = (SELECT id FROM vector_sets WHERE fingerprint = ?) WHERE set_id IS NULL',
        fingerprint,
      ),
      statement(db, find, fingerprint),
    ]);
    row = found!.results[0]!;
  }
  return { id: row.id, fingerprint, isPlanned: row.planned === 1, isServing: row.serving === 1 };
}

/** Nothing waits in set ?1, every document was looked at, and none of the set now read has failed in it. */
const IS_COMPLETE = `EXISTS (SELECT 1 FROM vector_sets WHERE id = ?1 AND planned_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM jobs WHERE set_id = ?1 AND state = 'pending')`;
const LOSES_NOTHING = `NOT EXISTS (SELECT 1 FROM jobs j JOIN vectors v ON v.document = j.document
  WHERE v.set_id = serving.set_id AND j.set_id = ?1 AND j.state = 'failed')`;
const SWITCH = `UPDATE serving SET previous_set_id = set_id, set_id = ?1, refused_set_id = NULL, switched_at = unixepoch()
  WHERE set_id IS NOT ?1`;

/** @returns Whether readers use the set from now on. */
export async function switchWhenComplete(db: Database, set: VectorSet): Promise<boolean> {
  const sql = `${SWITCH} AND refused_set_id IS NOT ?1 AND ${IS_COMPLETE} AND ${LOSES_NOTHING} RETURNING set_id`;
  return (await statement(db, sql, set.id).all()).results.length > 0;
}

/** By hand: also where documents have failed, and after a rollback. @returns Whether readers use the set from now on. */
export async function switchByHand(db: Database, set: VectorSet): Promise<boolean> {
  return (await statement(db, `${SWITCH} AND ${IS_COMPLETE} RETURNING set_id`, set.id).all()).results.length > 0;
}

/** Readers use the set from before the last switch again; the one they leave is not switched to but by hand. @returns Whether there was one. */
export async function rollBack(db: Database): Promise<boolean> {
  const sql = `UPDATE serving SET set_id = previous_set_id, previous_set_id = set_id, refused_set_id = set_id,
    switched_at = unixepoch() WHERE previous_set_id IS NOT NULL RETURNING set_id`;
  return (await statement(db, sql).all()).results.length > 0;
}

/** Vectors deleted in one statement: with their postings some 50,000 rows. */
const SWEEP_VECTORS = 500;

/**
 * Deletes some of the rows of sets that are of no more use. Such a set first loses its fingerprint: a Worker that comes back with that model begins
 * a new one.
 *
 * @returns Whether there was anything to delete.
 */
export async function sweepSome(db: Database, own: VectorSet): Promise<boolean> {
  const retire = `UPDATE vector_sets SET fingerprint = 'swept ' || id WHERE id <> ? AND id IS NOT (SELECT set_id FROM serving)
    AND seen_at <= unixepoch() - ${RETENTION_SECONDS} AND fingerprint NOT LIKE 'swept %'`;
  const [, , , found] = await db.batch<{ id: number }>([
    statement(db, retire, own.id),
    statement(db, `UPDATE serving SET previous_set_id = NULL WHERE previous_set_id IN (${SWEPT})`),
    statement(db, `UPDATE serving SET refused_set_id = NULL WHERE refused_set_id IN (${SWEPT})`),
    statement(db, `${SWEPT} LIMIT 1`),
  ]);
  const set = found!.results[0];
  if (!set) return false;
  const some = `DELETE FROM vectors WHERE rowid IN (SELECT rowid FROM vectors WHERE set_id = ? LIMIT ${SWEEP_VECTORS}) RETURNING document`;
  const { results } = await statement(db, some, set.id).all();
  if (results.length === 0) {
    await db.batch([
      statement(db, 'DELETE FROM jobs WHERE set_id = ?', set.id),
      statement(db, 'DELETE FROM vector_sets WHERE id = ?', set.id),
    ]);
  }
  return true;
}

const SWEPT = "SELECT id FROM vector_sets WHERE fingerprint LIKE 'swept %'";
