import { ServiceError } from '../errors.ts';
import type { ShardSource } from './source.ts';

/** Shards in a map; for tests and tools. */
export function memorySource(files: ReadonlyMap<string, Uint8Array>, chunkBytes = 65536): ShardSource {
  return {
    async readInto(name, write, signal) {
      const bytes = files.get(name);
      if (!bytes) throw new ServiceError('model_shard_missing', `no shard ${name}`);
      for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
        signal?.throwIfAborted();
        await write(bytes.subarray(offset, offset + chunkBytes), offset);
      }
    },
  };
}
