import { describe, expect, it } from 'vitest';
import type { ShardSource } from '../../src/shards/source.ts';

export type Shards = ReadonlyMap<string, Uint8Array>;

/** 1.3 MB, no period in common with any buffer. */
export const LARGE = Uint8Array.from({ length: 1_300_007 }, (_, i) => (i * 2654435761) >>> 24);
export const SMALL = Uint8Array.of(1, 2, 3);

/** What was written, at its place. */
export async function readAll(source: ShardSource, name: string, signal?: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let end = 0;
  await source.readInto(
    name,
    (chunk, offset) => {
      expect(offset).toBe(end);
      chunks.push(chunk.slice());
      end += chunk.length;
    },
    signal,
  );
  const all = new Uint8Array(end);
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}

/** Faster than `toEqual` on large arrays, and no pages of difference where they differ. */
export const sameBytes = (a: Uint8Array, b: Uint8Array) =>
  a.length === b.length && a.every((value, index) => value === b[index]);

/** What every ShardSource promises. `make` may be called several times. */
export function describeShardSource(name: string, make: (shards: Shards) => Promise<ShardSource> | ShardSource): void {
  describe(`${name} as a ShardSource`, () => {
    const shards: Shards = new Map([
      ['layer-00.bin', LARGE],
      ['heads.bin', SMALL],
    ]);

    it('hands a whole shard over in order', async () => {
      const source = await make(shards);
      expect(sameBytes(await readAll(source, 'layer-00.bin'), LARGE)).toBe(true);
      expect(await readAll(source, 'heads.bin')).toEqual(SMALL);
    });

    it('serves several reads at once', async () => {
      const source = await make(shards);
      const names = ['layer-00.bin', 'heads.bin', 'layer-00.bin', 'layer-00.bin', 'heads.bin'];
      const read = await Promise.all(names.map((shard) => readAll(source, shard)));
      expect(read.every((bytes, index) => sameBytes(bytes, shards.get(names[index]!)!))).toBe(true);
    });

    it('names a shard that is not there', async () => {
      const source = await make(shards);
      await expect(readAll(source, 'layer-01.bin')).rejects.toMatchObject({
        code: 'model_shard_missing',
        message: expect.stringContaining('layer-01.bin'),
      });
    });

    it('passes on what the writer throws, and serves the next read', async () => {
      const source = await make(shards);
      const full = new Error('no room');
      const refuse = () => {
        throw full;
      };
      await expect(source.readInto('layer-00.bin', refuse)).rejects.toBe(full);
      expect(sameBytes(await readAll(source, 'layer-00.bin'), LARGE)).toBe(true);
    });

    it('waits for a writer that takes its time', async () => {
      const source = await make(shards);
      let isBusy = false;
      let written = 0;
      await source.readInto('layer-00.bin', async (chunk) => {
        expect(isBusy).toBe(false);
        isBusy = true;
        const first = chunk[0];
        await new Promise((resolve) => setTimeout(resolve, 1));
        expect(chunk[0]).toBe(first);
        written += chunk.length;
        isBusy = false;
      });
      expect(written).toBe(LARGE.length);
    });

    it('writes nothing more once it has been told to stop', async () => {
      const source = await make(shards);
      const abort = new AbortController();
      let writes = 0;
      const stopAtOnce = () => {
        writes++;
        abort.abort();
      };
      await expect(source.readInto('layer-00.bin', stopAtOnce, abort.signal)).rejects.toThrow();
      expect(writes).toBe(1);
    });
  });
}
