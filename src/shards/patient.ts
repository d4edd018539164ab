import { ServiceError } from '../errors.ts';
import type { ShardSource } from './source.ts';

/** Storage answers in some tens of milliseconds. Three reads that stall one after another end before the engine's lease of 30 s does. */
const STALL_MS = 5000;
/** The largest shard has 24 MiB: slower than 1.3 MB/s is as good as not there. */
const DEADLINE_MS = 20_000;

export interface Patience {
  /** Longest silence: until the first chunk, and from one to the next. */
  readonly stallMs?: number;
  /** Longest time for a whole shard. */
  readonly deadlineMs?: number;
}

/**
 * Ends a read that stalls, whether the driver listens to a signal or not.
 *
 * @throws ServiceError `model_unavailable`; nothing is written after it.
 */
export function patient(
  source: ShardSource,
  { stallMs = STALL_MS, deadlineMs = DEADLINE_MS }: Patience = {},
): ShardSource {
  return {
    async readInto(name, write, signal) {
      signal?.throwIfAborted();
      const abort = new AbortController();
      const giveUp = (problem: string) => () =>
        abort.abort(new ServiceError('model_unavailable', `${name}: ${problem}; try again`));
      const deadline = setTimeout(giveUp(`not read whole in ${deadlineMs / 1000} s`), deadlineMs);
      const onStall = giveUp(`storage sends nothing for ${stallMs / 1000} s`);
      let heardAt = Date.now();
      // One timer for all chunks: a timer a chunk is garbage that only a full collection frees.
      const watch = (): void => {
        const leftMs = heardAt + stallMs - Date.now();
        if (leftMs <= 0) onStall();
        else stall = setTimeout(watch, leftMs);
      };
      let stall = setTimeout(watch, stallMs);
      const passOn = () => abort.abort(signal?.reason);
      signal?.addEventListener('abort', passOn, { once: true });

      const reading = source.readInto(
        name,
        (chunk, offset) => {
          abort.signal.throwIfAborted();
          heardAt = Date.now();
          return write(chunk, offset);
        },
        abort.signal,
      );
      try {
        await Promise.race([reading, rejection(abort.signal)]);
      } finally {
        clearTimeout(stall);
        clearTimeout(deadline);
        signal?.removeEventListener('abort', passOn);
      }
    },
  };
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
