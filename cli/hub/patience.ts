import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../user-error.ts';
import { PassingFailure } from './get.ts';

export interface Patience {
  /** In a row, without a byte more. */
  readonly attempts: number;
  /** After the first failure; then twice as long each time. */
  readonly backoffMs: number;
  /** Without a byte for so long a connection counts as broken. */
  readonly stallMs: number;
}

/** In all 15 s of waiting, and what the server asks for. */
export const PATIENCE: Patience = { attempts: 5, backoffMs: 1000, stallMs: 60_000 };
const MAX_WAIT_MS = 60_000;

/**
 * Tries again what fails in passing.
 *
 * @param work Given a signal that also fires when `stillAlive` has not been called for `stallMs`.
 * @param progress How far the work is; the count of attempts begins anew when it has grown.
 * @throws UserError after so many attempts; whatever else `work` throws.
 */
export async function withPatience<T>(
  { attempts, backoffMs, stallMs }: Patience,
  signal: AbortSignal,
  work: (signal: AbortSignal, stillAlive: () => void) => Promise<T>,
  progress: () => number = () => 0,
): Promise<T> {
  let reached = progress();
  for (let attempt = 1; ; attempt++) {
    const stall = new AbortController();
    const watch = setTimeout(() => stall.abort(new PassingFailure(`nothing came for ${stallMs / 1000} s`)), stallMs);
    try {
      return await work(AbortSignal.any([signal, stall.signal]), () => watch.refresh());
    } catch (error) {
      signal.throwIfAborted();
      const failure = stall.signal.aborted ? (stall.signal.reason as PassingFailure) : error;
      if (!(failure instanceof PassingFailure)) throw failure;
      if (progress() > reached) attempt = 1;
      reached = progress();
      if (attempt === attempts) {
        throw new UserError(
          `${failure.message}, ${attempts} times; check the network and the proxy. What is downloaded stays: the same command goes on from there`,
          { cause: failure },
        );
      }
      await sleep(Math.min(MAX_WAIT_MS, Math.max(failure.waitMs, backoffMs * 2 ** (attempt - 1))), undefined, {
        signal,
      });
    } finally {
      clearTimeout(watch);
    }
  }
}
