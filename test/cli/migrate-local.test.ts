import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectRoot } from '../../cli/installation.ts';
import { openLocalStorage } from '../../cli/local-storage.ts';
import { migrateLocal } from '../../cli/migrate-local.ts';
import { UserError } from '../../cli/user-error.ts';

describe('migrateLocal', () => {
  let state: string;
  beforeEach(() => {
    state = mkdtempSync(join(tmpdir(), 'm3edge-state-'));
  });
  afterEach(() => rmSync(state, { recursive: true, force: true }));

  /** As a Worker's binding DOCUMENTS would answer. */
  async function ask<Row>(sql: string): Promise<Row[]> {
    const storage = await openLocalStorage(state, 'DOCUMENTS', { type: 'd1', id: 'm3edge-documents' });
    try {
      const database = await storage.getD1Database('DOCUMENTS');
      return (await database.prepare(sql).all<Row>()).results;
    } finally {
      await storage.dispose();
    }
  }
  const tables = async () => (await ask<{ name: string }>('SELECT name FROM sqlite_schema')).map(({ name }) => name);

  it('applies every migration once, as wrangler would have written it down, and leaves what is stored alone', async () => {
    await migrateLocal(state);
    expect(await tables()).toEqual(expect.arrayContaining(['documents', 'jobs', 'vectors', 'vectors_deleted']));
    await ask("INSERT INTO tenants (name) VALUES ('kept')");
    rmSync(join(state, 'v3/d1/m3edge-migrations')); // so that it looks into the database
    await migrateLocal(state);
    expect(await ask('SELECT name FROM tenants')).toEqual([{ name: 'kept' }]);
    const names = readdirSync(join(projectRoot, 'migrations')).map((name) => ({ name }));
    expect(await ask('SELECT name FROM d1_migrations ORDER BY name')).toEqual(names);
  });

  it('succeeds for four that start at once on one state', async () => {
    await Promise.all([migrateLocal(state), migrateLocal(state), migrateLocal(state), migrateLocal(state)]);
    expect(await tables()).toContain('documents');
  });

  it("refuses a database that is not m3edge's with its reason, and leaves no half of a migration", async () => {
    await ask('CREATE TABLE vectors (mine TEXT)');
    await expect(migrateLocal(state)).rejects.toThrow(UserError);
    await expect(migrateLocal(state)).rejects.toThrow(/table vectors already exists/);
    expect(await tables()).not.toContain('tenants');
    expect(await ask('SELECT name FROM d1_migrations')).toEqual([]);
  });
});
