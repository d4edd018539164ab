import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '../../src/errors.ts';
import type { ShardSource } from '../../src/shards/source.ts';

const BUFFER_BYTES = 1024 * 1024;

/** Shards in a model directory on disk. Names are the manifest's, which holds no path separators. */
export function directorySource(directory: string): ShardSource {
  const idleBuffers: Uint8Array[] = [];
  return {
    async readInto(name, write, signal) {
      const file = await open(join(directory, name)).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === 'ENOENT') {
          throw new ServiceError('model_shard_missing', `no shard ${name} in ${directory}; convert the model again`, {
            cause,
          });
        }
        throw unreadable(name, cause);
      });
      const buffer = idleBuffers.pop() ?? new Uint8Array(BUFFER_BYTES);
      try {
        for (let offset = 0; ; ) {
          signal?.throwIfAborted();
          const { bytesRead } = await file.read(buffer, 0, buffer.length, offset).catch((cause) => {
            throw unreadable(name, cause);
          });
          if (bytesRead === 0) break;
          await write(buffer.subarray(0, bytesRead), offset);
          offset += bytesRead;
        }
      } finally {
        idleBuffers.push(buffer);
        await file.close();
      }
    },
  };
}

function unreadable(name: string, cause: NodeJS.ErrnoException): ServiceError {
  return new ServiceError('model_unavailable', `${name}: cannot be read (${cause.code}); check the file`, { cause });
}
