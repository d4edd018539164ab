import { describe, expect, it } from 'vitest';
import { keepValue } from '../src/keep-value.ts';

describe('keepValue', () => {
  it('creates once', async () => {
    let created = 0;
    const get = keepValue(async (name: string) => `${name} ${++created}`);
    expect([await get('a'), await get('b')]).toEqual(['a 1', 'a 1']);
  });

  it('gives two early callers the value that was ready first, without awaiting each other', async () => {
    const release: ((value: string) => void)[] = [];
    const get = keepValue(() => new Promise<string>((resolve) => release.push(resolve)));
    const [first, second] = [get(), get()];
    release[1]!('second');
    expect(await second).toBe('second');
    release[0]!('first');
    expect(await first).toBe('second');
  });

  it('serves a later caller although an early one never ended', async () => {
    let calls = 0;
    const get = keepValue(() => (calls++ === 0 ? new Promise<string>(() => {}) : Promise.resolve('value')));
    get();
    expect(await get()).toBe('value');
  });

  it('does not keep a failure', async () => {
    let calls = 0;
    const get = keepValue(async () => {
      if (calls++ === 0) throw new Error('not yet');
      return 'value';
    });
    await expect(get()).rejects.toThrow('not yet');
    expect(await get()).toBe('value');
  });
});
