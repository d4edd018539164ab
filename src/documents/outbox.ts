import { type Database, statement } from './database.ts';

/** What a consumer has claimed. */
export interface ClaimedDocument {
  /** documents.key */
  readonly key: number;
  readonly tenant: string;
  readonly id: string;
  readonly text: string;
  readonly contentHash: string;
  readonly revision: number;
  /** This one included. */
  readonly attempts: number;
}

/** Of a set, held by one consumer. */
export interface Claim {
  readonly setId: number;
  readonly token: string;
}

export interface WaitingDocument {
  readonly key: number;
  readonly bytes: number;
  readonly attempts: number;
}

/** Which of the documents wait to be embedded and are nobody's. */
export async function findWaiting(db: Database, setId: number, keys: readonly number[]): Promise<WaitingDocument[]> {
  const sql = `SELECT d.key, octet_length(d.text) AS bytes, j.attempts FROM jobs j JOIN documents d ON d.key = j.document
    WHERE j.set_id = ? AND j.document IN (SELECT value FROM json_each(?)) AND j.state = 'pending' AND j.free_at <= unixepoch()
    ORDER BY j.attempts, d.key`;
  return (await statement(db, sql, setId, JSON.stringify(keys)).all<WaitingDocument>()).results;
}

/** Takes those of the documents that are still nobody's, for so many seconds. */
export async function claimDocuments(
  db: Database,
  { setId, token }: Claim,
  keys: readonly number[],
  seconds: number,
): Promise<ClaimedDocument[]> {
  const list = JSON.stringify(keys);
  const [, claimed] = await db.batch<ClaimedDocument>([
    statement(
      db,
      `UPDATE jobs SET claim = ?, attempts = attempts + 1, free_at = unixepoch() + ?
       WHERE set_id = ? AND document IN (SELECT value FROM json_each(?)) AND state = 'pending' AND free_at <= unixepoch()`,
      token,
      seconds,
      setId,
      list,
    ),
    statement(
      db,
      `SELECT d.key, t.name AS tenant, d.id, d.text, d.content_hash AS contentHash, d.revision, j.attempts
       FROM jobs j JOIN documents d ON d.key = j.document JOIN tenants t ON t.id = d.tenant
       WHERE j.set_id = ? AND j.document IN (SELECT value FROM json_each(?)) AND j.claim = ? ORDER BY d.key`,
      setId,
      list,
      token,
    ),
  ]);
  return claimed!.results;
}

/** Gives claims back, as if there had been none, to be free after some seconds. */
export async function releaseDocuments(
  db: Database,
  { setId, token }: Claim,
  keys: readonly number[],
  seconds: number,
  reason: string | null,
): Promise<void> {
  const sql = `UPDATE jobs SET claim = NULL, attempts = attempts - 1, free_at = unixepoch() + ?, last_error = ?
    WHERE set_id = ? AND document IN (SELECT value FROM json_each(?)) AND claim = ?`;
  await statement(db, sql, seconds, reason, setId, JSON.stringify(keys), token).all();
}

/** Notes that a document cannot be embedded: for now, or at all. */
export async function noteFailure(
  db: Database,
  { setId, token }: Claim,
  key: number,
  reason: string,
  next: { readonly retryAfterSeconds: number } | 'never',
): Promise<void> {
  const [state, seconds] = next === 'never' ? ['failed', 0] : ['pending', next.retryAfterSeconds];
  const sql = `UPDATE jobs SET state = ?, claim = NULL, free_at = unixepoch() + ?, last_error = ?
    WHERE set_id = ? AND document = ? AND claim = ?`;
  await statement(db, sql, state, seconds, reason, setId, key, token).all();
}

/** After messages have come too often: documents that were claimed so often, and nobody holds, have failed. */
export async function parkDocuments(
  db: Database,
  setId: number,
  keys: readonly number[],
  attempts: number,
  reason: string,
): Promise<void> {
  const sql = `UPDATE jobs SET state = 'failed', claim = NULL, last_error = COALESCE(last_error, ?)
    WHERE set_id = ? AND document IN (SELECT value FROM json_each(?)) AND state = 'pending' AND attempts >= ?`;
  await statement(db, sql, reason, setId, JSON.stringify(keys), attempts).all();
}

/** Failed documents wait again. @returns How many. */
export async function retryFailed(db: Database, setId: number): Promise<number> {
  const sql = `UPDATE jobs SET state = 'pending', attempts = 0, free_at = 0, hinted_at = 0
    WHERE set_id = ? AND state = 'failed' RETURNING document`;
  return (await statement(db, sql, setId).all()).results.length;
}

/**
 * Documents that wait and of which no message was sent within `seconds`; they are noted as sent.
 *
 * @param most How many messages of a set may be under way.
 */
export async function takeHints(db: Database, setId: number, seconds: number, most: number): Promise<number[]> {
  const waits = "set_id = ?1 AND state = 'pending'";
  const sql = `UPDATE jobs SET hinted_at = unixepoch() WHERE set_id = ?1 AND document IN (
      SELECT document FROM jobs WHERE ${waits} AND free_at <= unixepoch() AND hinted_at <= unixepoch() - ?2 ORDER BY document
      LIMIT MAX(0, ?3 - (SELECT COUNT(*) FROM jobs WHERE ${waits} AND hinted_at > unixepoch() - ?2)))
    RETURNING document`;
  return (await statement(db, sql, setId, seconds, most).all<{ document: number }>()).results.map(
    ({ document }) => document,
  );
}
