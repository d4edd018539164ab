import { type Database, statement } from './database.ts';
import type { VectorSet } from './stored-vectors.ts';

/** Documents compared in one transaction. */
const PAGE_DOCUMENTS = 2000;

/**
 * Compares a page of documents with the vectors of a set, and promises to embed those whose content differs. Where the walk was left, it goes on; at the
 * end it begins anew with the next call. What a walk has passed is kept right by the database's triggers.
 *
 * @returns Whether that was the last page.
 */
export async function planPage(db: Database, set: VectorSet): Promise<boolean> {
  const find = `SELECT s.planned_to AS start, (SELECT MAX(key) FROM
      (SELECT key FROM documents WHERE key > s.planned_to ORDER BY key LIMIT ${PAGE_DOCUMENTS})) AS end
    FROM vector_sets s WHERE s.id = ?`;
  const page = await statement(db, find, set.id).first<{ start: number; end: number | null }>();
  if (!page || page.end === null) {
    const done = 'UPDATE vector_sets SET planned_to = 0, planned_at = unixepoch() WHERE id = ?';
    await statement(db, done, set.id).all();
    return true;
  }
  const promise = `INSERT INTO jobs (set_id, document)
    SELECT ?1, d.key FROM documents d LEFT JOIN vectors v ON v.set_id = ?1 AND v.document = d.key
    WHERE d.key > ?2 AND d.key <= ?3 AND v.content_hash IS NOT d.content_hash
    ON CONFLICT DO NOTHING`;
  await db.batch([
    statement(db, promise, set.id, page.start, page.end),
    statement(db, 'UPDATE vector_sets SET planned_to = ? WHERE id = ?', page.end, set.id),
  ]);
  return false;
}

/** The next walk begins with the first document. */
export async function restartPlan(db: Database, set: VectorSet): Promise<void> {
  await statement(db, 'UPDATE vector_sets SET planned_to = 0 WHERE id = ?', set.id).all();
}
