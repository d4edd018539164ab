import { applyD1Migrations } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { inject } from 'vitest';

const TABLES = ['documents', 'tenants', 'jobs', 'vectors', 'postings', 'vector_sets', 'removals', 'leases'];

/** The database as after its migrations. */
export async function resetDocuments(): Promise<void> {
  const db = env.DOCUMENTS!;
  await applyD1Migrations(db, inject('migrations'));
  await db.batch([
    ...TABLES.map((table) => db.prepare(`DELETE FROM ${table}`)),
    db.prepare('UPDATE serving SET set_id = NULL, previous_set_id = NULL, refused_set_id = NULL, switched_at = NULL'),
  ]);
}
