import { ServiceError } from '../errors.ts';
import type { ShardSource } from './source.ts';

/** A pass asks three times for each shard: storage has failed two passes, or two cold starts. */
const FAILURES_TO_OPEN = 5;
const OPEN_MS = 30_000;

/**
 * Leaves storage alone that keeps failing: after five failures in a row reads are refused at once, and after 30 s let through again, where
 * the first failure closes the way for another 30 s.
 *
 * Reads that were under way together count as one failure: a blip that hits six pages at once is one blip. What a shard holds is not looked
 * at, and one that is missing is an answer.
 *
 * @returns A decorator; what it is put around shares the count. It throws `model_unavailable` with `retryAfterSeconds`, by which its refusal
 * differs from a failure of storage.
 */
export function createBreaker(now: () => number = Date.now): (source: ShardSource) => ShardSource {
  let failures = 0;
  let openUntil = 0;

  const refuseIfOpen = (): void => {
    const leftMs = openUntil - now();
    if (leftMs <= 0) return;
    throw new ServiceError('model_unavailable', `storage has failed ${failures} times in a row; try again later`, {
      retryAfterSeconds: Math.ceil(leftMs / 1000),
    });
  };
  const countFailure = (failuresBefore: number): void => {
    failures = Math.max(failures, failuresBefore + 1);
    if (failures >= FAILURES_TO_OPEN) openUntil = now() + OPEN_MS;
  };

  return (source) => ({
    async readInto(name, write, signal) {
      refuseIfOpen();
      const failuresBefore = failures;
      try {
        await source.readInto(name, write, signal);
        failures = 0;
      } catch (error) {
        if (error instanceof ServiceError && error.code === 'model_unavailable') countFailure(failuresBefore);
        if (error instanceof ServiceError && error.code === 'model_shard_missing') failures = 0;
        throw error;
      }
    },
  });
}
