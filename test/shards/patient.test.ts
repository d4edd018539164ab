import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { memorySource } from '../../src/shards/memory.ts';
import { patient } from '../../src/shards/patient.ts';
import type { ShardSource } from '../../src/shards/source.ts';
import { describeShardSource } from './contract.ts';

describeShardSource('patient', (shards) => patient(memorySource(shards)));

const CHUNK = Uint8Array.of(1);
/** Sends `chunks` chunks, `everyMs` apart, then nothing and no end; it listens to no signal. */
function silentAfter(chunks: number, everyMs: number): ShardSource {
  return {
    async readInto(_, write) {
      for (let offset = 0; ; offset++) {
        await new Promise((resolve) => setTimeout(resolve, everyMs));
        if (offset < chunks) await write(CHUNK, offset);
      }
    },
  };
}

describe('patient', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const limits = { stallMs: 100, deadlineMs: 1000 };
  const outcomeOf = (reading: Promise<void>) => reading.then(() => 'whole' as const).catch((error: unknown) => error);

  it.each([0, 3])('gives up on a source that falls silent after %i chunks', async (chunks) => {
    const outcome = outcomeOf(patient(silentAfter(chunks, 50), limits).readInto('a', () => {}));
    await vi.advanceTimersByTimeAsync(50 * chunks + 99);
    expect(vi.getTimerCount()).toBeGreaterThan(1);
    await vi.advanceTimersByTimeAsync(2);
    expect(await outcome).toMatchObject({ code: 'model_unavailable', message: expect.stringContaining('0.1 s') });
  });

  it('gives up on a source that is only slow, at the deadline', async () => {
    const outcome = outcomeOf(patient(silentAfter(1000, 50), limits).readInto('a', () => {}));
    await vi.advanceTimersByTimeAsync(1001);
    expect(await outcome).toMatchObject({ code: 'model_unavailable', message: expect.stringContaining('in 1 s') });
  });

  it('lets nothing be written once it has given up', async () => {
    let written = 0;
    const late = silentAfter(2, 150);
    const outcome = outcomeOf(patient(late, limits).readInto('a', () => void written++));
    await vi.advanceTimersByTimeAsync(1000);
    expect(await outcome).toMatchObject({ code: 'model_unavailable' });
    expect(written).toBe(0);
  });

  it("passes the caller's reason on, whether the source listens or not", async () => {
    const abort = new AbortController();
    const outcome = outcomeOf(patient(silentAfter(0, 50), limits).readInto('a', () => {}, abort.signal));
    const gone = new Error('gone');
    abort.abort(gone);
    expect(await outcome).toBe(gone);
    await expect(patient(silentAfter(0, 50)).readInto('a', () => {}, abort.signal)).rejects.toBe(gone);
  });

  it('leaves no timer behind', async () => {
    await patient(memorySource(new Map([['a', CHUNK]]))).readInto('a', () => {});
    expect(vi.getTimerCount()).toBe(0);
  });
});
