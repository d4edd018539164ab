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
  return Buffer.concat(chunks);
}

/** What every ShardSource promises. `make` may be called several times. */
export function describeShardSource(name: string, make: (shards: Shards) => Promise<ShardSource> | ShardSource): void {
  describe(`${name} as a ShardSource`, () => {
    const shards: Shards = new Map([
      ['layer-00.bin', LARGE],
      ['heads.bin', SMALL],
    ]);

    it('hands a whole shard over in order', async () => {
      const source = await make(shards);
      expect(Buffer.compare(await readAll(source, 'layer-00.bin'), LARGE)).toBe(0);
      expect(await readAll(source, 'heads.bin')).toEqual(Buffer.from(SMALL));
    });

    it('serves several reads at once', async () => {
      const source = await make(shards);
      const names = ['layer-00.bin', 'heads.bin', 'layer-00.bin', 'layer-00.bin', 'heads.bin'];
      const read = await Promise.all(names.map((shard) => readAll(source, shard)));
      expect(read.map((bytes, index) => Buffer.compare(bytes, shards.get(names[index]!)!))).toEqual([0, 0, 0, 0, 0]);
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
      expect(Buffer.compare(await readAll(source, 'layer-00.bin'), LARGE)).toBe(0);
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
