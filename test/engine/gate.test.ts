import { describe, expect, it, vi } from 'vitest';
import { createGate } from '../../src/engine/gate.ts';

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const createFastGate = (options: Partial<Parameters<typeof createGate>[0]> = {}) =>
  createGate({ maxWaiting: 2, leaseMs: 200, wait, ...options });

describe('createGate', () => {
  it('lets callers in one at a time, first come first served', async () => {
    const gate = createFastGate({ maxWaiting: 8 });
    const order: number[] = [];
    let inside = 0;
    const caller = async (name: number) => {
      const lease = await gate.acquire();
      expect(++inside).toBe(1);
      order.push(name);
      await wait(5);
      inside--;
      lease.release();
    };
    await Promise.all([caller(1), caller(2), caller(3), caller(4)]);
    expect(order).toEqual([1, 2, 3, 4]);
  });

  it('refuses at once whoever comes to a full queue, and says when to come back', async () => {
    const gate = createFastGate();
    const lease = await gate.acquire();
    const waiters = [gate.acquire(), gate.acquire()];
    await expect(gate.acquire()).rejects.toMatchObject({ code: 'overloaded', retryAfterSeconds: 1 });
    lease.release();
    for (const waiter of waiters) (await waiter).release();
  });

  it('gives the engine on when its holder has gone without a word, and stops that holder if it comes back', async () => {
    const gate = createFastGate({ leaseMs: 30 });
    const lost = await gate.acquire();
    const next = await gate.acquire();
    expect(() => lost.renew()).toThrow('gave way');
    lost.release();
    expect(() => next.renew()).not.toThrow();
    next.release();
  });

  it('is released by the signal of a holder, and skips a waiter whose signal has fired', async () => {
    const gate = createFastGate({ leaseMs: 60_000 });
    const holder = new AbortController();
    const waiter = new AbortController();
    await gate.acquire(holder.signal);
    const gone = gate.acquire(waiter.signal);
    gone.catch(() => {});
    const next = gate.acquire();
    waiter.abort();
    holder.abort();
    (await next).release();
    await expect(gone).rejects.toThrow();
  });

  it('does not count a waiter that shows no sign of life', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const frozen = () => new Promise<void>(() => {});
      const gate = createFastGate({ maxWaiting: 1, leaseMs: 60_000, wait: frozen });
      await gate.acquire();
      gate.acquire(); // waits for ever: its request was cancelled
      await expect(gate.acquire()).rejects.toMatchObject({ code: 'overloaded' });
      vi.advanceTimersByTime(1500);
      const waiting = gate.acquire();
      const settled = await Promise.race([
        waiting.then(
          () => 'in',
          () => 'refused',
        ),
        wait(1).then(() => 'waiting'),
      ]);
      expect(settled).toBe('waiting');
    } finally {
      vi.useRealTimers();
    }
  });
});
