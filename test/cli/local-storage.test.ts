import { describe, expect, it } from 'vitest';
import { againWhileLocked } from '../../cli/local-storage.ts';

/** Work that fails with each of these in turn, and then succeeds. */
function failing(...errors: readonly Error[]) {
  const left = [...errors];
  let calls = 0;
  const work = async () => {
    calls++;
    const error = left.shift();
    if (error) throw error;
    return 'done';
  };
  return { work, calls: () => calls };
}
const runtimeFailure = () => Object.assign(new Error('the runtime failed to start'), { code: 'ERR_RUNTIME_FAILURE' });

describe('againWhileLocked', () => {
  it('does it again where a database was locked, or workerd ended over one', async () => {
    const { work, calls } = failing(new Error('D1_ERROR: database is locked: SQLITE_BUSY'), runtimeFailure());
    expect(await againWhileLocked(work)).toBe('done');
    expect(calls()).toBe(3);
  });

  it('passes on at once what has another reason', async () => {
    const { work, calls } = failing(new Error('no such table'));
    await expect(againWhileLocked(work)).rejects.toThrow('no such table');
    expect(calls()).toBe(1);
  });

  it('gives up where it stays locked', async () => {
    const { work } = failing(...Array.from({ length: 20 }, runtimeFailure));
    await expect(againWhileLocked(work)).rejects.toThrow('failed to start');
  });
});
