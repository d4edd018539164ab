import { beforeEach, describe, expect, it } from 'vitest';
import { type ErrorCode, ServiceError } from '../../src/errors.ts';
import { createBreaker } from '../../src/shards/breaker.ts';
import { memorySource } from '../../src/shards/memory.ts';
import type { ShardSource } from '../../src/shards/source.ts';
import { describeShardSource, SMALL } from './contract.ts';

describeShardSource('breaker', (shards) => createBreaker()(memorySource(shards)));

describe('breaker', () => {
  let nowMs = 0;
  let reads = 0;
  let answer: ErrorCode | 'whole';
  beforeEach(() => {
    nowMs = 0;
    reads = 0;
    answer = 'model_unavailable';
  });
  const storage: ShardSource = {
    async readInto(_, write) {
      reads++;
      await new Promise(setImmediate);
      if (answer !== 'whole') throw new ServiceError(answer, answer);
      await write(SMALL, 0);
    },
  };
  const guarded = () => createBreaker(() => nowMs)(storage);
  const read = (source: ShardSource) =>
    source
      .readInto('a', () => {})
      .then(
        () => 'whole',
        (error: ServiceError) => error.retryAfterSeconds ?? error.code,
      );
  const times = async (count: number, source: ShardSource) => {
    for (let i = 0; i < count; i++) await read(source);
  };

  it('asks no more after five failures in a row, and says for how long', async () => {
    const source = guarded();
    await times(5, source);
    expect(await read(source)).toBe(30);
    nowMs = 12_500;
    expect(await read(source)).toBe(18);
    expect(reads).toBe(5);
  });

  it('lets reads through after 30 s, and closes again at the first failure', async () => {
    const source = guarded();
    await times(5, source);
    nowMs = 30_000;
    expect(await read(source)).toBe('model_unavailable');
    expect(await read(source)).toBe(30);
    nowMs = 60_000;
    answer = 'whole';
    expect(await Promise.all([read(source), read(source), read(source)])).toEqual(['whole', 'whole', 'whole']);
    answer = 'model_unavailable';
    await times(4, source);
    expect(await read(source)).toBe('model_unavailable');
    expect(await read(source)).toBe(30);
  });

  it('counts reads that fail together as one failure', async () => {
    const source = guarded();
    for (let round = 0; round < 4; round++) await Promise.all(Array.from({ length: 6 }, () => read(source)));
    answer = 'whole';
    expect(await read(source)).toBe('whole');
    expect(reads).toBe(25);
  });

  it('begins again from zero after a success, or an answer that there is no such shard', async () => {
    const source = guarded();
    for (const interval of ['whole', 'model_shard_missing'] as const) {
      answer = 'model_unavailable';
      await times(4, source);
      answer = interval;
      await read(source);
    }
    answer = 'model_unavailable';
    await times(4, source);
    expect(await read(source)).toBe('model_unavailable');
  });

  it.each(['overloaded', 'model_shard_corrupt'] as const)(
    'does not hold a writer’s %s against storage',
    async (code) => {
      const source = guarded();
      answer = code;
      await times(20, source);
      expect(reads).toBe(20);
    },
  );

  it('shares its count among all sources it is put around', async () => {
    const guard = createBreaker(() => nowMs);
    await times(5, guard(storage));
    expect(await read(guard(storage))).toBe(30);
  });
});
