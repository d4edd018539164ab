import { ServiceError } from '../errors.ts';
import type { FileEntry } from '../format/manifest.ts';
import type { ShardSource, WriteChunk } from './source.ts';

/** A sha256 in the making. `node:crypto`'s `Hash` is one; `crypto.subtle` wants the whole shard at once. */
export interface Digest {
  update(chunk: Uint8Array): unknown;
  /** 64 lower-case hex digits; called once. */
  digest(encoding: 'hex'): string;
}

export interface VerifiedOptions {
  /** The manifest's. */
  readonly files: Readonly<Record<string, FileEntry>>;
  readonly createDigest: () => Digest;
  readonly wait: (ms: number) => Promise<void>;
  /** In [0, 1); spreads out the retries of many isolates. */
  readonly random?: () => number;
  /** Told about every attempt that failed and is followed by another. */
  readonly onRetry?: (name: string, error: ServiceError) => void;
}

const ATTEMPTS = 3;
/** Doubled every time: long enough for a dropped connection, short beside a cold start. */
const BACKOFF_MS = 50;
/** No attempt begins later than this after the first, so that a read ends within this and one attempt's own deadline. */
const RETRY_MS = 10_000;

/**
 * Checks every shard's length always, its sha256 until it was right once, and reads again what came damaged or not at all.
 *
 * Unlike other sources' writers, `write` sees bytes again where a read is repeated: what it wrote counts once `readInto` has resolved. It never
 * sees a byte beyond the manifest's length, nor the last chunk of a shard whose digest is wrong. A shard that it finds wrong itself, and
 * says so by throwing `model_shard_corrupt`, is read and verified again like any other.
 *
 * @throws ServiceError `model_shard_missing` at once; after 3 attempts, or 10 s, `model_shard_corrupt` or `model_unavailable`.
 */
export function verified(source: ShardSource, options: VerifiedOptions): ShardSource {
  const { files, createDigest, wait, random = Math.random, onRetry } = options;
  const known = new Set<string>();

  const attempt = async (name: string, entry: FileEntry, ...[write, signal]: WriteAndSignal): Promise<void> => {
    const digest = known.has(name) ? undefined : createDigest();
    let received = 0;
    await source.readInto(
      name,
      (chunk, offset) => {
        if (offset !== received) throw new Error(`${name}: byte ${offset} came after ${received}`);
        received += chunk.length;
        if (received > entry.bytes) throw corrupt(name, `longer than the ${entry.bytes} bytes of the manifest`);
        digest?.update(chunk);
        if (received === entry.bytes && digest && digest.digest('hex') !== entry.sha256) {
          throw corrupt(name, 'sha256 differs from the manifest');
        }
        return write(chunk, offset);
      },
      signal,
    );
    if (received < entry.bytes) {
      throw new ServiceError(
        'model_unavailable',
        `${name}: ended after ${received} of ${entry.bytes} bytes; try again`,
      );
    }
    known.add(name);
  };

  return {
    async readInto(name, write, signal) {
      const entry = Object.hasOwn(files, name) ? files[name] : undefined;
      if (!entry) throw new ServiceError('model_shard_missing', `${name}: not in the manifest`);
      const firstAt = Date.now();
      for (let tries = 1; ; tries++) {
        try {
          return await attempt(name, entry, write, signal);
        } catch (error) {
          signal?.throwIfAborted();
          if (tries === ATTEMPTS || Date.now() - firstAt > RETRY_MS || !isWorthAnotherTry(error)) throw error;
          known.delete(name);
          onRetry?.(name, error);
          await wait(BACKOFF_MS * 2 ** (tries - 1) * (0.5 + random()));
        }
      }
    },
  };
}

type WriteAndSignal = [write: WriteChunk, signal: AbortSignal | undefined];

function corrupt(name: string, problem: string): ServiceError {
  return new ServiceError(
    'model_shard_corrupt',
    `${name}: ${problem}; run m3edge model verify DIR and deploy it again`,
  );
}

/** Not where storage says itself when to come back, as the breaker does. */
function isWorthAnotherTry(error: unknown): error is ServiceError {
  if (!(error instanceof ServiceError) || error.retryAfterSeconds !== undefined) return false;
  return error.code === 'model_unavailable' || error.code === 'model_shard_corrupt';
}
