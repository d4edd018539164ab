import { ServiceError } from '../errors.ts';

/** The right to use the engine. It ends by itself where it is not renewed: a cancelled request runs no `finally`. */
export interface Lease {
  /** @throws ServiceError `overloaded` where the lease has run out and somebody else holds the engine. */
  renew(): void;
  release(): void;
}

export interface Gate {
  /** @throws ServiceError `overloaded` at once where the queue is full; AbortError where the caller has gone. */
  acquire(signal?: AbortSignal): Promise<Lease>;
}

export interface GateOptions {
  /** Callers that may wait; the next one is refused. */
  readonly maxWaiting: number;
  /** Silence after which a holder counts as gone: longer than any one kernel call. */
  readonly leaseMs: number;
  readonly wait: (ms: number) => Promise<void>;
}

/** How often a waiter looks, and by how much its own sign of life may age before it counts as gone. */
const POLL_MS = 4;
const STALE_MS = 1000;

/**
 * One pass at a time, first come first served, by values alone: a waiter looks again and again instead of awaiting a promise that a
 * cancelled request would leave behind unresolved.
 */
export function createGate({ maxWaiting, leaseMs, wait }: GateOptions): Gate {
  let tickets = 0;
  let holder = 0;
  let renewedAt = 0;
  const waiting = new Map<number, number>();

  const freshWaiters = (now: number): number[] => {
    for (const [ticket, seenAt] of waiting) if (now - seenAt > STALE_MS) waiting.delete(ticket);
    return [...waiting.keys()];
  };
  const isFree = (now: number) => holder === 0 || now - renewedAt > leaseMs;
  const leave = (ticket: number): void => {
    waiting.delete(ticket);
    if (holder === ticket) holder = 0;
  };

  return {
    async acquire(signal) {
      signal?.throwIfAborted();
      const ticket = ++tickets;
      const arrived = Date.now();
      const ahead = freshWaiters(arrived).length;
      if (ahead >= maxWaiting) {
        throw new ServiceError('overloaded', `${ahead} requests are waiting; try again later`, {
          retryAfterSeconds: 1,
        });
      }
      signal?.addEventListener('abort', () => leave(ticket), { once: true });
      waiting.set(ticket, arrived);
      while (true) {
        const now = Date.now();
        if (isFree(now) && freshWaiters(now)[0] === ticket) break;
        await wait(POLL_MS);
        signal?.throwIfAborted();
        waiting.set(ticket, Date.now());
      }
      waiting.delete(ticket);
      holder = ticket;
      renewedAt = Date.now();
      return {
        renew() {
          if (holder !== ticket) {
            signal?.throwIfAborted();
            throw new ServiceError('overloaded', 'the pass took too long and gave way to another; try again', {
              retryAfterSeconds: 1,
            });
          }
          renewedAt = Date.now();
        },
        release: () => leave(ticket),
      };
    },
  };
}
