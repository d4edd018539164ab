import { describe, expect, it } from 'vitest';
import { createGathering, type GatheringOptions, type Lease } from '../../src/engine/gathering.ts';

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** An engine that doubles numbers, a few milliseconds a pass, and notes what each pass held. */
function createDoubler(options: Partial<GatheringOptions<number, number, number>> = {}) {
  const passes: (readonly number[])[] = [];
  let inside = 0;
  const run = async (works: readonly number[], lease: Lease, report: (step: number) => void) => {
    expect(++inside).toBe(1);
    passes.push(works);
    try {
      for (let i = 0; i < 4; i++) {
        await wait(3);
        lease.renew();
        report(i);
      }
      return works.map((work) => 2 * work);
    } finally {
      inside--;
    }
  };
  const gathering = createGathering<number, number, number>({
    maxWaiting: 16,
    passCapacity: 100,
    leaseMs: 60_000,
    wait,
    run,
    ...options,
  });
  return { gathering, passes };
}

describe('createGathering', () => {
  it('takes callers that arrive together into one pass, each with its own result', async () => {
    const { gathering, passes } = createDoubler();
    expect(await Promise.all([1, 2, 3, 4].map((work) => gathering.submit(work, 10)))).toEqual([2, 4, 6, 8]);
    expect(passes).toEqual([[1, 2, 3, 4]]);
  });

  it('gathers who comes during a pass into the next, in order and no fuller than a pass may be', async () => {
    const { gathering, passes } = createDoubler();
    const first = gathering.submit(1, 10);
    await wait(5);
    const later = [2, 3, 4, 5].map((work) => gathering.submit(work, 40));
    expect(await Promise.all([first, ...later])).toEqual([2, 4, 6, 8, 10]);
    expect(passes).toEqual([[1], [2, 3], [4, 5]]);
  });

  it('gives a work that is larger than a pass one of its own', async () => {
    const { gathering, passes } = createDoubler();
    await Promise.all([gathering.submit(1, 500), gathering.submit(2, 10)]);
    expect(passes).toEqual([[1], [2]]);
  });

  it('refuses at once whoever comes when too many wait, and says when to come back', async () => {
    const { gathering } = createDoubler({ maxWaiting: 2, passCapacity: 1 });
    const first = gathering.submit(1, 1);
    await wait(3);
    const waiters = [gathering.submit(2, 1), gathering.submit(3, 1)];
    expect(gathering.waitingCount()).toBe(2);
    await expect(gathering.submit(4, 1)).rejects.toMatchObject({ code: 'overloaded', retryAfterSeconds: 1 });
    expect(await Promise.all([first, ...waiters])).toEqual([2, 4, 6]);
    expect(gathering.waitingCount()).toBe(0);
  });

  it('lets a follower take the work over at once when its leader is cancelled', async () => {
    const { gathering, passes } = createDoubler();
    const leader = new AbortController();
    const lost = expect(gathering.submit(1, 10, { signal: leader.signal })).rejects.toThrow();
    const follower = gathering.submit(2, 10);
    await wait(5);
    expect(passes).toEqual([[1, 2]]);
    leader.abort();
    expect(await follower).toBe(4);
    await lost;
    expect(passes).toEqual([[1, 2], [2]]);
  });

  it('lets a follower take over when the lease of a leader that has vanished runs out', async () => {
    let vanished = false;
    const { gathering, passes } = createDoubler({
      leaseMs: 40,
      run: async (works) => {
        passes.push(works);
        if (!vanished) {
          vanished = true;
          await new Promise(() => {}); // its request was cancelled: nothing of it ever runs again
        }
        return works.map((work) => 2 * work);
      },
    });
    gathering.submit(1, 10);
    expect(await gathering.submit(2, 10)).toBe(4);
    expect(passes[0]).toEqual([1, 2]);
    expect(passes.at(-1)).toContain(2);
  });

  it('skips a waiter whose signal has fired', async () => {
    const { gathering, passes } = createDoubler({ passCapacity: 1 });
    const waiter = new AbortController();
    const first = gathering.submit(1, 1);
    await wait(3);
    const gone = expect(gathering.submit(2, 1, { signal: waiter.signal })).rejects.toThrow();
    const last = gathering.submit(3, 1);
    waiter.abort();
    await gone;
    expect([await first, await last]).toEqual([2, 6]);
    expect(passes).toEqual([[1], [3]]);
  });

  it('gives a failure to the leader, and to a follower only when it has failed twice', async () => {
    let failures = 1;
    const { gathering } = createDoubler({
      run: async (works) => {
        if (failures-- > 0) throw new Error('layer-03.bin: gone');
        return works.map((work) => 2 * work);
      },
    });
    const outcomes = await Promise.allSettled([gathering.submit(1, 10), gathering.submit(2, 10)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });

  it('stops a leader whose lease has gone to another before it touches anything', async () => {
    const leases: Lease[] = [];
    const { gathering } = createDoubler({
      leaseMs: 20,
      run: async (works, lease) => {
        leases.push(lease);
        if (leases.length === 1) await wait(60);
        lease.renew();
        return works.map((work) => 2 * work);
      },
    });
    expect(await Promise.all([gathering.submit(1, 10), gathering.submit(2, 10)])).toEqual([2, 4]);
    expect(leases.length).toBeGreaterThan(1);
    expect(() => leases[0]!.renew()).toThrow('gave way');
  });

  it('tells every caller of a pass how it goes on', async () => {
    const { gathering } = createDoubler();
    const steps: number[][] = [[], []];
    await Promise.all([0, 1].map((i) => gathering.submit(i, 10, { onProgress: (step) => steps[i]!.push(step) })));
    expect(steps[0]).toEqual([0, 1, 2, 3]);
    expect(steps[1]!.length).toBeGreaterThan(0);
    expect(steps[1]).toEqual([...steps[1]!].sort());
  });

  it('gives the engine to one caller alone while it holds it', async () => {
    const { gathering, passes } = createDoubler();
    const hold = await gathering.hold();
    const after = gathering.submit(1, 10);
    await wait(20);
    hold.renew();
    expect(passes).toEqual([]);
    hold.release();
    expect(await after).toBe(2);
    expect(() => hold.renew()).toThrow('gave way');
  });
});
