import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from './installation.ts';
import { againWhileLocked, openLocalStorage } from './local-storage.ts';
import { UserError } from './user-error.ts';

/** Names the migrations that a state has; lies within the state, and goes with it. */
const MARKER = 'v3/d1/m3edge-migrations';
/** `database_id` of wrangler.toml: what the database is called on disk. */
const DATABASE_ID = 'm3edge-documents';
/** wrangler's own list of what was applied, as it makes it: `wrangler d1 migrations` goes on from here. */
const APPLIED = `CREATE TABLE IF NOT EXISTS d1_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

/**
 * Gives the database that `wrangler dev` keeps on disk its tables; where it has them, nothing is started. May run beside `wrangler dev`, which opens
 * the database when it is first asked for a document; but where that starts at the same moment and finds the state locked, it ends.
 *
 * @param state As `wrangler dev --persist-to` takes it.
 * @returns Whether anything was started.
 * @throws UserError with the database's own words.
 */
export async function migrateLocal(state: string): Promise<boolean> {
  const wanted = readdirSync(join(projectRoot, 'migrations')).sort();
  const marker = join(state, MARKER);
  if (readIfThere(marker) === wanted.join('\n')) return false;
  await againWhileLocked(() => migrateOnce(state, wanted)).catch((cause) => {
    if (cause instanceof UserError) throw cause;
    throw new UserError(`the local database cannot be given its tables: ${(cause as Error).message}`, { cause });
  });
  mkdirSync(dirname(marker), { recursive: true });
  writeFileSync(marker, wanted.join('\n'));
  return true;
}

async function migrateOnce(state: string, wanted: readonly string[]): Promise<void> {
  const storage = await openLocalStorage(state, 'DOCUMENTS', { type: 'd1', id: DATABASE_ID });
  try {
    const database = await storage.getD1Database('DOCUMENTS');
    // Another `m3edge dev` may have applied one since it was looked up: then it is there when looked up again.
    await applyMigrations(database, wanted).catch(() => applyMigrations(database, wanted));
  } finally {
    await storage.dispose();
  }
}

/** D1 of a Worker, as far as it is used here. */
interface LocalDatabase {
  prepare(sql: string): LocalStatement;
  batch(statements: LocalStatement[]): Promise<unknown>;
}

interface LocalStatement {
  bind(...values: unknown[]): LocalStatement;
  all<Row>(): Promise<{ results: Row[] }>;
}

/** Each in a transaction of its own, together with its name. */
async function applyMigrations(database: LocalDatabase, wanted: readonly string[]): Promise<void> {
  await database.prepare(APPLIED).all();
  const { results } = await database.prepare('SELECT name FROM d1_migrations').all<{ name: string }>();
  const applied = new Set(results.map(({ name }) => name));
  for (const name of wanted.filter((name) => !applied.has(name))) {
    await database.batch([
      database.prepare(readFileSync(join(projectRoot, 'migrations', name), 'utf8')),
      database.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name),
    ]);
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
