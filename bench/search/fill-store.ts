import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { packDense } from '../../src/documents/packed-vectors.ts';
import { seededGaussian, seededRandom } from '../../test/random.ts';

/** Lexical weights a document, before repeats: a passage of some 130 tokens. */
const WEIGHTS = 130;
const TEXT = 'A passage of about six hundred characters. '.repeat(14);
const COMMIT_EVERY = 5000;

/** The file of the database that `wrangler dev` keeps below a state directory, once it has its tables. */
export function databaseFile(state: string): string {
  const files = globSync(join(state, 'v3/d1/miniflare-D1DatabaseObject/*.sqlite')).filter((file) =>
    /^[0-9a-f]{64}\.sqlite$/.test(basename(file)),
  );
  if (files.length !== 1) throw new Error(`${files.length} databases below ${state}, not one`);
  return files[0]!;
}

/** A token for every call, by Zipf's law over `tokens`: the first make up every text. */
export function zipf(tokens: readonly number[], random: () => number): () => number {
  const sums = new Float64Array(tokens.length);
  let sum = 0;
  for (let rank = 0; rank < tokens.length; rank++) sums[rank] = sum += 1 / (rank + 2.7);
  return () => {
    const at = random() * sum;
    let [low, high] = [0, tokens.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < at) low = middle + 1;
      else high = middle;
    }
    return tokens[low]!;
  };
}

/**
 * Adds documents with made-up vectors of the served set to the tables, which index them as they do for the Worker.
 *
 * @param from, to Keys: `from` is the first, `to` the last.
 */
export function fillStore(
  file: string,
  fingerprint: string,
  tokens: readonly number[],
  from: number,
  to: number,
  width: number,
): void {
  const db = new DatabaseSync(file);
  db.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000');
  db.exec(`INSERT INTO tenants (id, name) VALUES (1, 'anonymous') ON CONFLICT DO NOTHING`);
  db.prepare('INSERT INTO vector_sets (id, fingerprint, planned_at) VALUES (1, ?, 1) ON CONFLICT DO NOTHING').run(
    fingerprint,
  );
  db.exec('UPDATE serving SET set_id = 1');
  const document = db.prepare('INSERT INTO documents (key, tenant, id, text, content_hash) VALUES (?, 1, ?, ?, ?)');
  const vector = db.prepare(
    `INSERT INTO vectors (set_id, document, tenant, content_hash, revision, tokens, dense, sparse) VALUES (1, ?, 1, ?, 1, ${WEIGHTS + 2}, ?, ?)`,
  );
  const random = seededRandom(from);
  const gaussian = seededGaussian(from);
  const draw = zipf(tokens, random);
  const dense = new Float32Array(width);
  const hash = 'ab'.repeat(32);
  db.exec('BEGIN');
  for (let key = from; key <= to; key++) {
    for (let i = 0; i < width; i++) dense[i] = gaussian() / Math.sqrt(width);
    const weights = Object.fromEntries(Array.from({ length: WEIGHTS }, () => [draw(), Math.fround(random() / 3)]));
    document.run(key, `d${key}`, TEXT, hash);
    vector.run(key, hash, packDense(dense), JSON.stringify(weights));
    if (key % COMMIT_EVERY === 0) db.exec('COMMIT; BEGIN');
  }
  db.exec('DELETE FROM jobs; COMMIT; PRAGMA wal_checkpoint(TRUNCATE)');
  db.close();
}
