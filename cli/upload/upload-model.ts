import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MANIFEST_FILE } from '../../src/format/layout.ts';
import type { FileEntry } from '../../src/format/manifest.ts';
import { objectKey } from '../../src/shards/object-key.ts';
import { readManifest } from '../model-directory.ts';
import { UserError } from '../user-error.ts';
import type { Bucket } from './bucket.ts';

export interface UploadOptions {
  readonly directory: string;
  readonly bucket: Bucket;
  /** Under which the manifest is put. */
  readonly model: string;
  /** Files under way at once. */
  readonly parallel: number;
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
}

/** Files and bytes; what was there already is not among them. */
export interface UploadResult {
  readonly uploaded: number;
  readonly uploadedBytes: number;
  readonly kept: number;
}

/**
 * Puts a model directory into a bucket: shards under their digests, the manifest last. What is there under its digest with its length is kept,
 * so an upload that was interrupted goes on where it stopped, and a revision uploads only what has changed.
 *
 * @throws UserError where a file is not what the manifest says; the manifest is then not uploaded, and what was served before still is.
 */
export async function uploadModel(options: UploadOptions): Promise<UploadResult> {
  const { directory, bucket, model, parallel, onProgress } = options;
  const { files } = readManifest(directory);
  const there = await bucket.list('sha256/');

  const entries = Object.entries(files);
  const missing = entries.filter(([name, { bytes }]) => there.get(objectKey(model, name, files)) !== bytes);
  const totalBytes = sum(entries);
  const uploadedBytes = sum(missing);
  let doneBytes = totalBytes - uploadedBytes;
  onProgress(doneBytes, totalBytes);

  const queue = missing.values();
  const work = async (): Promise<void> => {
    for (const [name, entry] of queue) {
      const body = await readChecked(join(directory, name), entry);
      await bucket.put(objectKey(model, name, files), body, entry.sha256);
      doneBytes += entry.bytes;
      onProgress(doneBytes, totalBytes);
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));

  const manifest = await readFile(join(directory, MANIFEST_FILE));
  await bucket.put(objectKey(model, MANIFEST_FILE, files), manifest, sha256(manifest));
  return { uploaded: missing.length + 1, uploadedBytes, kept: entries.length - missing.length };
}

async function readChecked(path: string, entry: FileEntry): Promise<Uint8Array<ArrayBuffer>> {
  const body = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new UserError(`${path}: cannot be read (${cause.code}); convert the model again`, { cause });
  });
  if (body.length !== entry.bytes || sha256(body) !== entry.sha256) {
    throw new UserError(`${path}: not what the manifest says; run m3edge model verify, then convert the model again`);
  }
  return body;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const sum = (entries: readonly (readonly [string, FileEntry])[]) =>
  entries.reduce((total, [, { bytes }]) => total + bytes, 0);
