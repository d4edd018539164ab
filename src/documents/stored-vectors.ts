import { type Database, hexBytes, statement } from './database.ts';
import { unpackColbert, unpackDense } from './packed-vectors.ts';

/** A set of vectors of one model. */
export interface VectorSet {
  readonly id: number;
  readonly fingerprint: string;
}

/** The set that readers use; undefined before anything was embedded. */
export async function servingSet(db: Database): Promise<VectorSet | undefined> {
  const sql = 'SELECT s.id, s.fingerprint FROM serving JOIN vector_sets s ON s.id = serving.set_id';
  return (await statement(db, sql).first<VectorSet>()) ?? undefined;
}

/** A tenant's number in the other tables; undefined where it has no documents. */
export async function findTenant(db: Database, name: string): Promise<number | undefined> {
  const row = await statement(db, 'SELECT id FROM tenants WHERE name = ?', name).first<{ id: number }>();
  return row?.id;
}

/** What a set holds of a document. */
export interface StoredVectors {
  /** documents.key */
  readonly document: number;
  readonly contentHash: string;
  readonly tokens: number;
  readonly dense: Float32Array;
  readonly lexicalWeights: ReadonlyMap<number, number>;
  /** `[tokens - 1, width]`, as `maxSim` takes it: quantised to signs, and not unit rows. Absent where not kept or not asked for. */
  readonly colbert?: Float32Array;
}

interface Row {
  readonly document: number;
  readonly content_hash: string;
  readonly tokens: number;
  readonly dense: string;
  readonly sparse: string;
  readonly colbert: string | null;
}

/**
 * Reads the vectors of documents. Those without any are left out; the order is the documents' keys'.
 *
 * @param tenant Only this one's.
 * @param colbertSize Asks for ColBERT rows too, of this width.
 */
export async function readVectors(
  db: Database,
  set: VectorSet,
  tenant: number,
  documents: readonly number[],
  colbertSize?: number,
): Promise<StoredVectors[]> {
  const sql = `SELECT document, content_hash, tokens, hex(dense) AS dense, sparse, ${colbertSize ? 'hex(colbert)' : 'NULL'} AS colbert
    FROM vectors WHERE set_id = ? AND document IN (SELECT value FROM json_each(?)) AND tenant = ? ORDER BY document`;
  const { results } = await statement(db, sql, set.id, JSON.stringify(documents), tenant).all<Row>();
  return results.map((row) => ({
    document: row.document,
    contentHash: row.content_hash,
    tokens: row.tokens,
    dense: unpackDense(hexBytes(row.dense)),
    lexicalWeights: parseWeights(row.sparse),
    ...(colbertSize && row.colbert && { colbert: unpackColbert(hexBytes(row.colbert), colbertSize) }),
  }));
}

/** Ids ascending: JSON.parse sorts whole numbers among keys. */
function parseWeights(json: string): Map<number, number> {
  const weights: Record<string, number> = JSON.parse(json);
  return new Map(Object.entries(weights).map(([token, weight]) => [Number(token), Math.fround(weight)]));
}
