import { createHash, type Hash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../user-error.ts';
import { bodyOf, PassingFailure } from './get.ts';
import type { HubFile, HubRepository } from './hub.ts';
import { type Patience, withPatience } from './patience.ts';

export interface DownloadOptions {
  readonly patience: Patience;
  readonly signal: AbortSignal;
  /** Called with each few bytes that have come; with less than 0 where they come anew. */
  readonly onBytes: (bytes: number) => void;
  /** Called with bytes of the file that are there from an earlier call. */
  readonly onThere: (bytes: number) => void;
}

/**
 * Downloads a file to `directory`, where it appears whole and with the Hub's own digest, or not at all. What has come lies in a `.part` named after
 * the digest until then, so that a later call goes on where this one stopped, and never with the bytes of another revision.
 *
 * @throws UserError where the digest is another one: nothing is kept then.
 */
export async function downloadFile(
  repository: HubRepository,
  file: HubFile,
  directory: string,
  options: DownloadOptions,
): Promise<void> {
  const { patience, signal, onBytes, onThere } = options;
  const part = join(directory, partName(file));
  const fd = openSync(part, 'a+');
  try {
    let hash = startHash(file);
    let done = 0;
    const restart = () => {
      ftruncateSync(fd, 0);
      hash = startHash(file);
      onBytes(-done);
      done = 0;
    };
    const take = (bytes: Uint8Array, onTaken = onBytes) => {
      hash.update(bytes);
      done += bytes.length;
      onTaken(bytes.length);
    };
    if (fstatSync(fd).size > file.bytes) ftruncateSync(fd, 0);
    for (const bytes of contentsOf(fd)) take(bytes, onThere);

    let etag: string | null = null;
    const attempt = async (attemptSignal: AbortSignal, stillAlive: () => void) => {
      const headers: Record<string, string> = done > 0 ? { range: `bytes=${done}-` } : {};
      if (done > 0 && etag !== null) headers['if-range'] = etag;
      const response = await repository.open(file.path, headers, attemptSignal);
      if (response.status === 416 || !continuesAt(response, done, file.bytes)) {
        if (done > 0) restart(); // this server does not go on there, or has another file
        if (response.status !== 200) {
          await response.body?.cancel().catch(() => {});
          throw new PassingFailure(`${file.path}: the part that was asked for did not come`);
        }
      }
      etag = strongEtag(response);
      for await (const bytes of bodyOf(response)) {
        stillAlive();
        if (done + bytes.length > file.bytes) throw new UserError(`${file.path}: longer than the Hub's listing says`);
        writeAll(fd, bytes);
        take(bytes);
      }
      if (done < file.bytes) throw new PassingFailure(`${file.path}: ended after ${done} of ${file.bytes} bytes`);
    };
    if (done < file.bytes) await withPatience(patience, signal, attempt, () => done);

    if (hash.digest('hex') !== file.digest.hex) {
      rmSync(part);
      throw new UserError(
        `${file.path}: its ${file.digest.kind} is not the Hub's (${file.digest.hex.slice(0, 12)}...): damaged on the way, or by a mirror; what came is removed, try again`,
      );
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(part, join(directory, file.path));
}

/** Bytes of a file that are on disk already, whole or in part. */
export function bytesThere(directory: string, file: HubFile): number {
  const path = [join(directory, file.path), join(directory, partName(file))].find(existsSync);
  const bytes = path === undefined ? 0 : statSync(path).size;
  return bytes > file.bytes ? 0 : bytes;
}

/** Whether a file that is there is the Hub's. */
export function isWhole(path: string, file: HubFile): boolean {
  if (statSync(path).size !== file.bytes) return false;
  const fd = openSync(path, 'r');
  try {
    const hash = startHash(file);
    for (const bytes of contentsOf(fd)) hash.update(bytes);
    return hash.digest('hex') === file.digest.hex;
  } finally {
    closeSync(fd);
  }
}

/** What has come of a file so far. */
export const partName = ({ path, digest }: HubFile) => `.${path}.${digest.hex.slice(0, 16)}.part`;

function startHash({ digest, bytes }: HubFile): Hash {
  return digest.kind === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${bytes}\0`);
}

/** Whether the answer's body is what belongs behind the first `done` bytes. */
function continuesAt({ status, headers }: Response, done: number, total: number): boolean {
  if (status === 200) return done === 0;
  const [, start, size] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? [];
  return status === 206 && Number(start) === done && (size === '*' || Number(size) === total);
}

/** If-Range takes no weak ones. */
function strongEtag({ headers }: Response): string | null {
  const etag = headers.get('etag');
  return etag?.startsWith('"') ? etag : null;
}

const BLOCK_BYTES = 2 ** 20;

function* contentsOf(fd: number): Generator<Uint8Array> {
  const block = new Uint8Array(BLOCK_BYTES);
  const end = fstatSync(fd).size;
  for (let at = 0; at < end; ) {
    const count = readSync(fd, block, 0, Math.min(block.length, end - at), at);
    if (count === 0) throw new UserError('a file became shorter while it was read');
    at += count;
    yield block.subarray(0, count);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}
