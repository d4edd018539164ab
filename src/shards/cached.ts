import { ServiceError } from '../errors.ts';
import type { FileEntry } from '../format/manifest.ts';
import { patient } from './patient.ts';
import { pump } from './pump.ts';
import type { ShardSource } from './source.ts';

export interface CachedOptions {
  /** The manifest's. */
  readonly files: Readonly<Record<string, FileEntry>>;
  /** Keeps the request alive until a copy is stored. */
  readonly waitUntil: (stored: Promise<unknown>) => void;
}

/** A cache that is slower than this is no help. */
const PATIENCE = { stallMs: 1000, deadlineMs: 10_000 } as const;
/** A copy that is not taken in by then holds the read up more than it will ever save. */
const COPY_MS = 5000;

/**
 * Reads shards from the data centre's cache where it has them, and leaves a copy of what comes from storage.
 *
 * Keys are digests, so another revision of a shard is a miss and never a mix. A copy that breaks, ends early, or is found wrong by whoever
 * reads it is deleted, and the next read goes to storage. No more than a chunk is held for the copy: the read waits for it to be taken in.
 *
 * @see https://developers.cloudflare.com/workers/runtime-apis/cache/ no effect on *.workers.dev: there every lookup is a miss.
 */
export function cached(
  source: ShardSource,
  cache: Pick<Cache, 'match' | 'put' | 'delete'>,
  { files, waitUntil }: CachedOptions,
): ShardSource {
  const copies = patient(copiesIn(cache, files), PATIENCE);
  return {
    async readInto(name, write, signal) {
      const entry = Object.hasOwn(files, name) ? files[name] : undefined;
      if (!entry) return source.readInto(name, write, signal);

      let hasWritten = false;
      try {
        return await copies.readInto(
          name,
          (chunk, offset) => {
            hasWritten = true;
            return write(chunk, offset);
          },
          signal,
        );
      } catch (error) {
        signal?.throwIfAborted();
        if (isWrongCopy(error)) await cache.delete(keyOf(entry)).catch(() => {});
        if (hasWritten || !(error instanceof ServiceError)) throw error;
      }

      let copy: Copy | undefined;
      let received = 0;
      try {
        await source.readInto(
          name,
          async (chunk, offset) => {
            received += chunk.length;
            await write(chunk, offset);
            // Not before storage sends bytes: six requests may wait for headers at once, and a copy waits for its own until it is whole.
            copy ??= startCopy(cache, entry, waitUntil);
            await copy.take(chunk);
          },
          signal,
        );
      } catch (error) {
        copy?.drop();
        throw error;
      }
      if (received === entry.bytes) copy?.finish();
      else copy?.drop(); // who counts the bytes will say so
    },
  };
}

/** The host is any that cannot exist: a cache looks at the URL alone. */
const keyOf = ({ sha256 }: FileEntry) => `https://shards.m3edge.invalid/${sha256}`;

const isWrongCopy = (error: unknown) =>
  error instanceof ServiceError && (error.code === 'model_shard_corrupt' || error.code === 'model_unavailable');

function copiesIn(cache: Pick<Cache, 'match'>, files: Readonly<Record<string, FileEntry>>): ShardSource {
  return {
    async readInto(name, write, signal) {
      const entry = files[name]!;
      const response = await cache.match(keyOf(entry)).catch(() => undefined);
      if (signal?.aborted) await response?.body?.cancel();
      signal?.throwIfAborted();
      if (!response?.body) throw new ServiceError('model_shard_missing', `${name}: no copy in the cache`);
      let received = 0;
      const count = (chunk: Uint8Array, offset: number) => {
        received += chunk.length;
        return write(chunk, offset);
      };
      await pump(response.body, name, count, signal);
      if (received < entry.bytes) {
        throw new ServiceError('model_unavailable', `${name}: a copy ended after ${received} of ${entry.bytes} bytes`);
      }
    },
  };
}

/** A copy in the making. A cache that refuses it, or is slow, never makes a read fail. */
interface Copy {
  /** Resolves once the chunk is taken in, or no longer wanted. */
  take(chunk: Uint8Array): Promise<void>;
  finish(): void;
  drop(): void;
}

function startCopy(
  cache: Pick<Cache, 'put' | 'delete'>,
  entry: FileEntry,
  waitUntil: CachedOptions['waitUntil'],
): Copy {
  const { readable, writable } = new FixedLengthStream(entry.bytes);
  const writer = writable.getWriter();
  const headers = { 'cache-control': 'public, max-age=31536000, immutable' };
  const putting = cache.put(keyOf(entry), new Response(readable, { headers }));

  let state: 'wanted' | 'stored' | 'dropped' = 'wanted';
  let letGo = () => {};
  const over = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const end = (outcome: 'stored' | 'dropped'): void => {
    if (state !== 'wanted') return;
    state = outcome;
    letGo();
    if (outcome === 'dropped') writer.abort().catch(() => {});
  };
  const drop = () => end('dropped');
  const timer = setTimeout(drop, COPY_MS);
  const settle = async (): Promise<void> => {
    await putting.then(() => end('stored'), drop);
    clearTimeout(timer);
    // A cache may keep what came until a body broke off, as the local one does.
    if (state === 'dropped') await cache.delete(keyOf(entry)).catch(() => {});
  };
  waitUntil(settle());
  return {
    async take(chunk) {
      if (state === 'wanted') await Promise.race([writer.write(chunk).catch(drop), over]);
    },
    finish() {
      if (state === 'wanted') writer.close().catch(drop);
    },
    drop,
  };
}
