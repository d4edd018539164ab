import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bucket } from '../../../cli/upload/bucket.ts';
import { uploadModel } from '../../../cli/upload/upload-model.ts';
import { modelDirectory, readManifest } from '../../support/models.ts';

/** A bucket in memory. `failAfter` puts it takes no more. */
function memoryBucket(failAfter = Number.POSITIVE_INFINITY) {
  const objects = new Map<string, Uint8Array>();
  const puts: string[] = [];
  const bucket: Bucket = {
    list: async (prefix) =>
      new Map([...objects].filter(([key]) => key.startsWith(prefix)).map(([key, { length }]) => [key, length])),
    async put(key, body) {
      if (puts.length >= failAfter) throw new Error('connection lost');
      puts.push(key);
      objects.set(key, body);
    },
  };
  return { objects, puts, bucket };
}

describe('uploadModel', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'm3edge-upload-'));
    cpSync(modelDirectory('micro-m3', 'q8'), directory, { recursive: true });
  });
  afterEach(() => rmSync(directory, { recursive: true }));
  const upload = (bucket: Bucket, onProgress: (done: number, total: number) => void = () => {}) =>
    uploadModel({ directory, bucket, model: 'micro', parallel: 4, onProgress });
  const fileCount = () => Object.keys(readManifest(directory).files).length;

  it('puts every file under its digest, and the manifest last', async () => {
    const { objects, puts, bucket } = memoryBucket();
    const { files } = readManifest(directory);
    const { uploaded, kept } = await upload(bucket);
    expect({ uploaded, kept }).toEqual({ uploaded: fileCount() + 1, kept: 0 });
    for (const [name, { sha256 }] of Object.entries(files)) {
      expect(Buffer.compare(objects.get(`sha256/${sha256}`)!, readFileSync(join(directory, name)))).toBe(0);
    }
    expect(puts.at(-1)).toBe('micro/manifest.json');
  });

  it('goes on where it was interrupted', async () => {
    const first = memoryBucket(40);
    await expect(upload(first.bucket)).rejects.toThrow('connection lost');
    expect(first.objects.has('micro/manifest.json')).toBe(false);
    const second = memoryBucket();
    for (const [key, body] of first.objects) second.objects.set(key, body);
    expect(await upload(second.bucket)).toMatchObject({ kept: 40, uploaded: fileCount() + 1 - 40 });
  });

  it('uploads again what is there with another length', async () => {
    const { objects, bucket } = memoryBucket();
    await upload(bucket);
    const [key] = [...objects.keys()];
    objects.set(key!, new Uint8Array(1));
    expect(await upload(bucket)).toMatchObject({ uploaded: 2, kept: fileCount() - 1 });
  });

  it('leaves what is served alone where a file is not what the manifest says', async () => {
    const { objects, bucket } = memoryBucket();
    const damaged = readFileSync(join(directory, 'layer-01.bin'));
    damaged[0]! ^= 1;
    writeFileSync(join(directory, 'layer-01.bin'), damaged);
    await expect(upload(bucket)).rejects.toThrow(/layer-01.bin: not what the manifest says; run m3edge model verify/);
    rmSync(join(directory, 'layer-01.bin'));
    await expect(upload(bucket)).rejects.toThrow(/layer-01.bin: cannot be read \(ENOENT\)/);
    expect(objects.has('micro/manifest.json')).toBe(false);
  });

  it('reports bytes that only rise, up to the total', async () => {
    const seen: number[] = [];
    const { bucket } = memoryBucket();
    let total = 0;
    await upload(bucket, (done, all) => {
      seen.push(done);
      total = all;
    });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(total);
  });
});
