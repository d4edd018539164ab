import { type Database, statement } from './database.ts';

/**
 * Runs `work` unless somebody else does already; whoever dies at it is waited for no longer than `seconds`.
 *
 * @returns undefined where somebody else does.
 */
export async function withLease<Value>(
  db: Database,
  name: string,
  seconds: number,
  work: () => Promise<Value>,
): Promise<Value | undefined> {
  const holder = crypto.randomUUID();
  const take = `INSERT INTO leases (name, holder, expires_at) VALUES (?1, ?2, unixepoch() + ?3) ON CONFLICT (name) DO UPDATE
    SET holder = excluded.holder, expires_at = excluded.expires_at WHERE expires_at <= unixepoch() RETURNING holder`;
  const { results } = await statement(db, take, name, holder, seconds).all();
  if (results.length === 0) return undefined;
  try {
    return await work();
  } finally {
    await statement(db, 'DELETE FROM leases WHERE name = ? AND holder = ?', name, holder).all();
  }
}
