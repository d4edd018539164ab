import { ServiceError } from '../../errors.ts';
import { shortHash, type VectorSink } from './sink.ts';

/** A Vectorize index, as far as it is used. */
export interface VectorizeIndex {
  upsert(
    vectors: {
      id: string;
      values: number[];
      namespace: string;
      metadata: Record<string, string | number>;
    }[],
  ): Promise<unknown>;
  deleteByIds(ids: string[]): Promise<unknown>;
}

/** https://developers.cloudflare.com/vectorize/platform/limits/ */
export const VECTORIZE_LIMITS = {
  /** Vectors in one upsert from a Worker. */
  upsert: 1000,
  dimensions: 1536,
  idBytes: 64,
  /** Ids in one deletion. */
  deletion: 100,
} as const;

/** What a query must name to meet vectors of its own tenant and model alone. */
export const vectorizeNamespace = async (tenant: string, fingerprint: string): Promise<string> =>
  `${fingerprint}-${await shortHash(tenant)}`;

/** Dense vectors in Vectorize. It shows them some seconds later, and a removal likewise; a match counts only if D1 has its document at that revision. */
export function vectorizeSink(index: VectorizeIndex): VectorSink {
  return {
    name: 'Vectorize',
    async put(records) {
      const vectors = await Promise.all(
        records.map(async ({ document: { tenant, id }, embedding, fingerprint, externalId }) => ({
          id: externalId,
          values: [...checkDimensions(embedding.dense!)],
          namespace: await vectorizeNamespace(tenant, fingerprint),
          metadata: { id, fingerprint },
        })),
      );
      for (const group of groups(vectors, VECTORIZE_LIMITS.upsert)) await index.upsert(group);
    },
    async remove(externalIds) {
      for (const group of groups(externalIds, VECTORIZE_LIMITS.deletion)) await index.deleteByIds(group);
    },
  };
}

function checkDimensions(dense: Float32Array): Float32Array {
  if (dense.length <= VECTORIZE_LIMITS.dimensions) return dense;
  throw new ServiceError(
    'budget_exceeded',
    `the model has ${dense.length} dimensions, Vectorize takes ${VECTORIZE_LIMITS.dimensions}`,
  );
}

function* groups<Item>(items: readonly Item[], most: number): Generator<Item[]> {
  for (let start = 0; start < items.length; start += most) yield items.slice(start, start + most);
}
