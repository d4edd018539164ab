import { ServiceError } from '../errors.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { ShardSource } from '../shards/source.ts';

/**
 * @param byteLength The shard's, as its layout says; a multiple of 64.
 * @param ensureOwner Called before every write; throws where the pass that reads is over.
 * @throws ServiceError `model_shard_corrupt`; what the source and `ensureOwner` throw.
 */
export type ShardLoader = (
  name: string,
  address: number,
  byteLength: number,
  ensureOwner: () => void,
  signal?: AbortSignal,
) => Promise<void>;

/** Readings of a shard whose checksum differs from the one it had when its sha256 was right. */
const ATTEMPTS = 3;

/**
 * Copies shards into wasm memory. Neither a longer shard nor a pass that is over can write beside its own region.
 *
 * The source verifies a shard's sha256 the first time; what arrived then is remembered by a fast checksum, and compared each time the shard is
 * streamed again.
 */
export function createShardLoader(kernel: Kernel, shards: ShardSource): ShardLoader {
  const checksums = new Map<string, number>();
  return async (name, address, byteLength, ensureOwner, signal) => {
    for (let attempt = 1; ; attempt++) {
      await shards.readInto(
        name,
        (chunk, offset) => {
          ensureOwner();
          if (offset + chunk.length > byteLength) {
            throw new ServiceError(
              'model_shard_corrupt',
              `${name}: longer than the ${byteLength} bytes of its layout; run m3edge model verify`,
            );
          }
          new Uint8Array(kernel.memory.buffer, address + offset, chunk.length).set(chunk);
        },
        signal,
      );
      ensureOwner();
      const found = kernel.checksum(address, byteLength);
      const wanted = checksums.get(name) ?? found;
      checksums.set(name, wanted);
      if (found === wanted) return;
      if (attempt === ATTEMPTS) {
        throw new ServiceError(
          'model_shard_corrupt',
          `${name}: arrived damaged ${ATTEMPTS} times; run m3edge model verify and deploy it again`,
        );
      }
    }
  };
}
