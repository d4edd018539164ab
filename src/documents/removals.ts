import { type Database, statement } from './database.ts';
import type { VectorRecord, VectorSink } from './sinks/sink.ts';

/** Removals made in one go. */
const MAX_REMOVALS = 1000;

/**
 * Takes what has left D1 out of the stores outside of it, too.
 *
 * @returns How many were removed; less than MAX_REMOVALS: all.
 */
export async function removeOutside(db: Database, sinks: readonly VectorSink[]): Promise<number> {
  const find = `SELECT id, external_id AS externalId FROM removals ORDER BY id LIMIT ${MAX_REMOVALS}`;
  const { results } = await statement(db, find).all<{ id: number; externalId: string }>();
  if (results.length === 0) return 0;
  for (const sink of sinks) await sink.remove(results.map(({ externalId }) => externalId));
  const ids = JSON.stringify(results.map(({ id }) => id));
  await statement(db, 'DELETE FROM removals WHERE id IN (SELECT value FROM json_each(?))', ids).all();
  return results.length;
}

/** Records that a store outside has and D1 did not take: they are to be removed, unless the document is still the same. */
export async function noteUnwanted(db: Database, records: readonly VectorRecord[]): Promise<void> {
  const sql = `INSERT INTO removals (external_id) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM documents WHERE key = ?2 AND revision = ?3)`;
  if (records.length === 0) return;
  await db.batch(
    records.map(({ externalId, document: { key, revision } }) => statement(db, sql, externalId, key, revision)),
  );
}
