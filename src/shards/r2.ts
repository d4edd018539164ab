import { ServiceError } from '../errors.ts';
import { pump } from './pump.ts';
import type { ShardSource } from './source.ts';

/**
 * Shards as objects of an R2 bucket.
 *
 * A `get` takes no signal: a caller that stops waits for nothing if `patient` is above, and the body is cancelled when it comes.
 *
 * @param keyOf An object's key from the shard's name.
 */
export function r2Source(bucket: Pick<R2Bucket, 'get'>, keyOf: (name: string) => string): ShardSource {
  return {
    async readInto(name, write, signal) {
      const object = await get(bucket, keyOf(name), name);
      if (signal?.aborted) await object?.body.cancel();
      signal?.throwIfAborted();
      if (!object) throw new ServiceError('model_shard_missing', `no shard ${name}; run m3edge model upload again`);
      await pump(object.body, name, write, signal);
    },
  };
}

async function get(bucket: Pick<R2Bucket, 'get'>, key: string, name: string): Promise<R2ObjectBody | null> {
  try {
    return await bucket.get(key);
  } catch (cause) {
    throw new ServiceError('model_unavailable', `${name}: R2 does not answer; try again`, { cause });
  }
}
