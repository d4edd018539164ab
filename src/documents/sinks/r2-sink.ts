import { float32Json } from '../../float32-text.ts';
import { lexicalWeightsJson } from '../../sparse-json.ts';
import type { VectorSink } from './sink.ts';

/** An R2 bucket, as far as it is used. */
export interface ObjectBucket {
  put(key: string, value: string): Promise<unknown>;
  delete(keys: string[]): Promise<unknown>;
}

/** Keys in one deletion. */
const MAX_DELETED = 1000;

/** Where a vector's object lies: below its fingerprint. */
const keyOf = (externalId: string): string => `${externalId.slice(0, externalId.indexOf('-'))}/${externalId}.ndjson`;

/**
 * A line of NDJSON a document, an object each, below the fingerprint: all objects there, one after another, are the set as it is, for any other store. An
 * object a document lets each be replaced and removed by itself.
 */
export function r2Sink(bucket: ObjectBucket): VectorSink {
  return {
    name: 'R2',
    async put(records) {
      for (const { document, embedding, fingerprint, externalId } of records) {
        const { tenant, id, contentHash, revision } = document;
        const head = JSON.stringify({ tenant, id, content_hash: contentHash, revision, fingerprint });
        const dense = float32Json(embedding.dense!);
        const sparse = lexicalWeightsJson(embedding.lexicalWeights!);
        await bucket.put(
          keyOf(externalId),
          `${head.slice(0, -1)},"dense_vecs":${dense},"lexical_weights":${sparse}}\n`,
        );
      }
    },
    async remove(externalIds) {
      for (let start = 0; start < externalIds.length; start += MAX_DELETED) {
        await bucket.delete(externalIds.slice(start, start + MAX_DELETED).map(keyOf));
      }
    },
  };
}
