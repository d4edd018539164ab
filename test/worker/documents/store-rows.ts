import { env } from 'cloudflare:workers';
import { packColbert, packDense } from '../../../src/documents/packed-vectors.ts';

/** A document with its vectors, as rows. */
export interface StoreRow {
  readonly key: number;
  /** tenants.id */
  readonly tenant: number;
  readonly set: number;
  readonly dense: Float32Array;
  readonly weights: ReadonlyMap<number, number>;
  readonly colbert?: Float32Array;
  readonly text?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

const db = env.DOCUMENTS!;
export const COLBERT_SIZE = 32;

/** Writes documents, and their vectors into sets. A document may be in several sets. */
export async function writeRows(rows: readonly StoreRow[]): Promise<void> {
  await db.batch(
    rows.flatMap(({ key, tenant, set, dense, weights, colbert, text = 'text', metadata = {} }) => [
      db
        .prepare(
          `INSERT INTO documents (key, tenant, id, text, metadata, content_hash) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        )
        .bind(key, tenant, `d${key}`, text, JSON.stringify(metadata), `hash ${key}`),
      db
        .prepare(
          `INSERT INTO vectors (set_id, document, tenant, content_hash, revision, tokens, dense, sparse, colbert)
           VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?)`,
        )
        .bind(
          set,
          key,
          tenant,
          `hash ${key}`,
          colbert ? colbert.length / COLBERT_SIZE + 1 : 7,
          packDense(dense),
          JSON.stringify(Object.fromEntries(weights)),
          colbert ? packColbert(colbert, COLBERT_SIZE) : null,
        ),
    ]),
  );
}
