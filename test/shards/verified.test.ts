import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { ServiceError } from '../../src/errors.ts';
import { memorySource } from '../../src/shards/memory.ts';
import type { ShardSource } from '../../src/shards/source.ts';
import { verified } from '../../src/shards/verified.ts';
import { describeShardSource, LARGE, readAll, type Shards, SMALL } from './contract.ts';

const filesOf = (shards: Shards) =>
  Object.fromEntries(
    [...shards].map(([name, bytes]) => [
      name,
      { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') },
    ]),
  );
const SHARDS: Shards = new Map([
  ['layer-00.bin', LARGE],
  ['heads.bin', SMALL],
]);
const flipped = LARGE.slice();
flipped[777_777]! ^= 1;

/** Serves, one after another, what each read is to find; the last one for ever. */
function sequence(...contents: (Uint8Array | Error)[]): ShardSource & { reads: number } {
  const source = {
    reads: 0,
    async readInto(name: string, ...rest: [Parameters<ShardSource['readInto']>[1], AbortSignal?]) {
      const content = contents[Math.min(source.reads++, contents.length - 1)]!;
      if (content instanceof Error) throw content;
      await memorySource(new Map([[name, content]])).readInto(name, ...rest);
    },
  };
  return source;
}

let waits: number[] = [];
let digests = 0;
beforeEach(() => {
  waits = [];
  digests = 0;
});
const verify = (source: ShardSource, random = () => 0.5) =>
  verified(source, {
    files: filesOf(SHARDS),
    createDigest: () => {
      digests++;
      return createHash('sha256');
    },
    wait: async (ms) => void waits.push(ms),
    random,
  });
const unavailable = new ServiceError('model_unavailable', 'storage answers with status 500');

describeShardSource('verified', (shards) => verify(memorySource(shards)));

describe('verified', () => {
  it('reads a damaged shard again, and is content when it comes whole', async () => {
    const source = sequence(flipped, LARGE);
    expect(Buffer.compare(await lastRead(verify(source)), LARGE)).toBe(0);
    expect(source.reads).toBe(2);
  });

  it('gives a shard up that is damaged every time, and tries anew for the next caller', async () => {
    const source = sequence(flipped, flipped, flipped, LARGE);
    const shards = verify(source);
    await expect(lastRead(shards)).rejects.toMatchObject({ code: 'model_shard_corrupt' });
    expect(source.reads).toBe(3);
    expect(Buffer.compare(await lastRead(shards), LARGE)).toBe(0);
  });

  it('notices an end that comes early without an error', async () => {
    const source = sequence(LARGE.subarray(0, 1000));
    await expect(lastRead(verify(source))).rejects.toMatchObject({
      code: 'model_unavailable',
      message: expect.stringContaining(`1000 of ${LARGE.length} bytes`),
    });
    expect(source.reads).toBe(3);
  });

  it('writes no byte beyond the length of the manifest', async () => {
    const longer = new Uint8Array(LARGE.length + 1);
    longer.set(LARGE);
    let written = 0;
    const reading = verify(sequence(longer)).readInto('layer-00.bin', (chunk, offset) => {
      written = Math.max(written, offset + chunk.length);
    });
    await expect(reading).rejects.toMatchObject({ code: 'model_shard_corrupt' });
    expect(written).toBeLessThanOrEqual(LARGE.length);
  });

  it('outlasts two failures of storage, waiting longer each time', async () => {
    const source = sequence(unavailable, unavailable, LARGE);
    expect(Buffer.compare(await lastRead(verify(source)), LARGE)).toBe(0);
    expect(waits).toEqual([50, 100]);
  });

  it('spreads its waits by half', async () => {
    await lastRead(verify(sequence(unavailable, unavailable, LARGE), () => 0));
    await lastRead(verify(sequence(unavailable, unavailable, LARGE), () => 0.999));
    expect(waits.map(Math.round)).toEqual([25, 50, 75, 150]);
  });

  it('gives up after three failures', async () => {
    const source = sequence(unavailable);
    await expect(lastRead(verify(source))).rejects.toBe(unavailable);
    expect(source.reads).toBe(3);
  });

  it.each([
    new ServiceError('model_shard_missing', 'no shard'),
    new ServiceError('overloaded', 'the pass gave way'),
    new TypeError('a bug'),
  ])('does not repeat what no repetition helps: %s', async (error) => {
    const source = sequence(error);
    await expect(lastRead(verify(source))).rejects.toBe(error);
    expect(source.reads).toBe(1);
  });

  it('does not repeat a read that the caller has stopped', async () => {
    const abort = new AbortController();
    const source: ShardSource = {
      async readInto() {
        abort.abort(new Error('gone'));
        throw unavailable;
      },
    };
    await expect(verify(source).readInto('heads.bin', () => {}, abort.signal)).rejects.toThrow('gone');
    expect(waits).toEqual([]);
  });

  it('computes a digest until it was right once, and then the length alone', async () => {
    const shards = verify(memorySource(SHARDS));
    for (let i = 0; i < 3; i++) await lastRead(shards);
    expect(digests).toBe(1);
  });

  it('computes the digest again after a shard came damaged', async () => {
    const short = LARGE.subarray(0, 5);
    const shards = verify(sequence(LARGE, short, flipped, LARGE));
    await lastRead(shards);
    expect(Buffer.compare(await lastRead(shards), LARGE)).toBe(0);
  });

  it.each(['layer-01.bin', '../secret', '__proto__', 'constructor'])(
    'asks storage for nothing the manifest lacks: %s',
    async (name) => {
      const source = sequence(SMALL);
      await expect(readAll(verify(source), name)).rejects.toMatchObject({ code: 'model_shard_missing' });
      expect(source.reads).toBe(0);
    },
  );
});

/** A read that may be repeated: what counts is what stands there at the end. */
async function lastRead(source: ShardSource): Promise<Uint8Array> {
  const bytes = new Uint8Array(LARGE.length);
  await source.readInto('layer-00.bin', (chunk, offset) => bytes.set(chunk, offset));
  return bytes;
}
