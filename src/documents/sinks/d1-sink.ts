import { lexicalWeightsJson } from '../../sparse-json.ts';
import { type Database, statement } from '../database.ts';
import type { Claim } from '../outbox.ts';
import { packColbert, packDense } from '../packed-vectors.ts';
import type { VectorRecord } from './sink.ts';

/** Writes only what is still wanted: the text is the one embedded, the claim is still ours. */
const UPSERT = `INSERT INTO vectors (set_id, document, tenant, content_hash, revision, tokens, dense, sparse, colbert, external_id)
  SELECT j.set_id, d.key, d.tenant, d.content_hash, d.revision, ?4, ?5, ?6, ?7, ?8
  FROM documents d JOIN jobs j ON j.set_id = ?1 AND j.document = d.key
  WHERE d.key = ?2 AND d.content_hash = ?3 AND j.claim = ?9
  ON CONFLICT (set_id, document) DO UPDATE SET content_hash = excluded.content_hash, revision = excluded.revision,
    tokens = excluded.tokens, dense = excluded.dense, sparse = excluded.sparse, colbert = excluded.colbert,
    external_id = excluded.external_id, embedded_at = unixepoch()
  RETURNING document`;
const FULFIL = 'DELETE FROM jobs WHERE set_id = ? AND document = ? AND claim = ?';

export interface D1SinkOptions {
  /** Whether there are stores outside of D1, which must be told of removals. */
  readonly hasOthers: boolean;
  /** Floats a ColBERT row; the rows are kept where records have them. */
  readonly colbertSize: number;
}

/**
 * Vectors in D1. Unlike in other sinks the records' jobs are done in the same transaction: all records, or none.
 *
 * @returns Keys of the documents written. The others have changed or gone meanwhile, or are claimed by somebody else.
 */
export async function putIntoD1(
  db: Database,
  { setId, token }: Claim,
  records: readonly VectorRecord[],
  { hasOthers, colbertSize }: D1SinkOptions,
): Promise<ReadonlySet<number>> {
  if (records.length === 0) return new Set(); // D1 takes no empty batch
  const results = await db.batch<{ document: number }>(
    records.flatMap(({ document: { key, contentHash }, embedding, externalId }) => [
      statement(
        db,
        UPSERT,
        setId,
        key,
        contentHash,
        embedding.tokenIds.length,
        packDense(embedding.dense!),
        lexicalWeightsJson(embedding.lexicalWeights!),
        embedding.colbert ? packColbert(embedding.colbert, colbertSize) : null,
        hasOthers ? externalId : null,
        token,
      ),
      statement(db, FULFIL, setId, key, token),
    ]),
  );
  return new Set(results.flatMap((result) => result.results.map(({ document }) => document)));
}
