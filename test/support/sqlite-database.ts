import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { projectRoot } from '../../cli/installation.ts';
import type { Database, Statement } from '../../src/documents/database.ts';
import type { Hint } from '../../src/documents/hints.ts';
import type { Embedder } from '../../src/embedder.ts';
import { runPlan } from '../../src/jobs/plan.ts';
import type { RouteDeps } from '../../src/routes/deps.ts';

/** The tables of migrations/ in Node's own SQLite: for tests of routes. What D1 does is tested with D1. */
export function sqliteDatabase(): Database {
  const sqlite = new DatabaseSync(':memory:');
  sqlite.exec(readFileSync(join(projectRoot, 'migrations/0001_documents.sql'), 'utf8'));
  interface Bound extends Statement {
    run(): { results: never[]; meta: { changes: number } };
  }
  const prepare = (sql: string, values: SQLInputValue[] = []): Bound => {
    const run = () => ({ results: sqlite.prepare(sql).all(...values) as never[], meta: { changes: 0 } });
    return {
      bind: (...given) => prepare(sql, given as SQLInputValue[]),
      run,
      all: async () => run(),
      first: async () => run().results[0] ?? null,
    };
  };
  return {
    prepare: (sql) => prepare(sql),
    async batch(statements) {
      sqlite.exec('BEGIN');
      try {
        const results = statements.map((statement) => (statement as Bound).run());
        sqlite.exec('COMMIT');
        return results;
      } catch (error) {
        sqlite.exec('ROLLBACK');
        throw error;
      }
    },
  };
}

/** What routes over documents are given; messages are kept in `sent`. */
export function documentDeps(embedder: Embedder, sent: Hint[] = []): Pick<RouteDeps, 'database' | 'reembedding'> {
  const database = sqliteDatabase();
  const queue = {
    async sendBatch(messages: Iterable<{ body: Hint }>) {
      for (const { body } of messages) sent.push(body);
    },
  };
  const jobs = {
    ...{ database, queue, sinks: [], leaseSeconds: 60, cpuMs: 1000, keepColbert: false, log: () => {} },
    getEmbedder: async () => embedder,
  };
  return {
    database,
    reembedding: {
      queue,
      getFingerprint: async () => embedder.fingerprint,
      run: () => runPlan(jobs, { isUrgent: true }),
    },
  };
}
