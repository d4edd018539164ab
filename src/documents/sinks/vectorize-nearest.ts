import { ServiceError } from '../../errors.ts';
import type { NearestSource } from '../nearest.ts';
import { parseExternalId } from './sink.ts';
import { vectorizeNamespace } from './vectorize-sink.ts';

/** A Vectorize index, as far as it is asked. */
export interface QueriedIndex {
  query(
    vector: number[],
    options: { topK: number; namespace: string; returnValues: false; returnMetadata: 'none' },
  ): Promise<{ readonly matches: readonly { readonly id: string }[] }>;
}

/** The most that Vectorize gives where neither values nor metadata are asked for. */
const TOP_K = 100;

/** Documents near a vector, by what `vectorizeSink` has put there. */
export function vectorizeNearest(index: QueriedIndex): NearestSource {
  return async (dense, tenant, set) => {
    const namespace = await vectorizeNamespace(tenant, set.fingerprint);
    const options = { topK: TOP_K, namespace, returnValues: false, returnMetadata: 'none' } as const;
    const { matches } = await index.query([...dense], options).catch((cause) => {
      throw new ServiceError('store_unavailable', 'Vectorize does not answer; try again', { cause });
    });
    return matches.flatMap(({ id }) => {
      const known = parseExternalId(id);
      return known?.setId === set.id ? [known.key] : [];
    });
  };
}
