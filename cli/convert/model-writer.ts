import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { MANIFEST_FILE } from '../../src/format/layout.ts';
import { FILE_NAME, type FileEntry, type Manifest, parseManifest } from '../../src/format/manifest.ts';
import { LIMITS } from '../../src/limits.ts';
import { UserError } from '../user-error.ts';

/** Writes a model directory that appears at its place whole or not at all. */
export interface ModelWriter {
  /** Where files are written until `finish`. */
  readonly temporaryDirectory: string;
  /** Writes one file, synced to disk; its bytes are not kept. */
  addFile(name: string, bytes: Uint8Array): void;
  /** As `addFile`, from parts that are never together in memory. */
  addStream(name: string, parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>;
  /**
   * Writes the manifest, checks that it describes what was written, and renames the directory to its place; a model that was there is replaced.
   *
   * @throws ServiceError `model_shard_corrupt` if files and manifest do not fit: a mistake of the caller's.
   */
  finish(manifest: Omit<Manifest, 'files'>): Manifest;
  /** Removes what was written; the target stays as it was. Does nothing after `finish`. */
  abort(): void;
}

/**
 * @param outDir Must not exist, or be empty, or hold a model, which `finish` replaces.
 * @throws UserError if it holds anything else.
 */
export function createModelWriter(outDir: string): ModelWriter {
  const target = existsSync(outDir) ? realpathSync(outDir) : resolve(outDir);
  checkReplaceable(outDir);
  const parent = dirname(target);
  mkdirSync(parent, { recursive: true });
  clearLeftovers(target);
  const temporary = siblingOf(target, 'partial');
  mkdirSync(temporary);
  const files: Record<string, FileEntry> = {};
  let open = true;

  const create = (name: string) => {
    if (!FILE_NAME.test(name) || name in files) throw new Error(`${name}: not a new model file`);
    const fd = openSync(join(temporary, name), 'wx');
    const hash = createHash('sha256');
    let bytes = 0;
    return {
      write(part: Uint8Array) {
        bytes += part.length;
        if (bytes > LIMITS.shardBytes)
          throw new UserError(`${name}: more than ${LIMITS.shardBytes} bytes; the model is too wide, try --quant q4`);
        hash.update(part);
        writeFully(fd, part);
      },
      complete() {
        fsyncSync(fd);
        files[name] = { bytes, sha256: hash.digest('hex') };
      },
      close: () => closeSync(fd),
    };
  };

  return {
    temporaryDirectory: temporary,
    addFile(name, bytes) {
      const file = create(name);
      try {
        file.write(bytes);
        file.complete();
      } finally {
        file.close();
      }
    },
    async addStream(name, parts) {
      const file = create(name);
      try {
        for await (const part of parts) file.write(part);
        file.complete();
      } finally {
        file.close();
      }
    },
    finish(head) {
      const sorted = Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
      const text = `${JSON.stringify({ ...head, files: sorted }, null, 1)}\n`;
      const manifest = parseManifest(text);
      const fd = openSync(join(temporary, MANIFEST_FILE), 'wx');
      writeFully(fd, new TextEncoder().encode(text));
      fsyncSync(fd);
      closeSync(fd);
      syncDirectory(temporary);
      checkReplaceable(outDir); // it may have changed meanwhile
      const replaced = siblingOf(target, 'replaced');
      const replaces = existsSync(target);
      if (replaces) renameSync(target, replaced);
      renameSync(temporary, target);
      open = false;
      syncDirectory(parent);
      if (replaces) rmSync(replaced, { recursive: true });
      return manifest;
    },
    abort() {
      if (open) rmSync(temporary, { recursive: true, force: true });
      open = false;
    },
  };
}

/** @throws UserError unless there is nothing at `path`, an empty directory, or a model directory. */
export function checkReplaceable(path: string): void {
  if (!existsSync(path)) return;
  let names: string[];
  try {
    names = readdirSync(path);
  } catch {
    throw new UserError(`${path}: not a directory; choose another --out`);
  }
  if (names.length > 0 && !isModelDirectory(path))
    throw new UserError(`${path}: not empty, and not a model; choose another --out`);
}

/** Whether the manifest says so; it may be of an older format, and the files may be damaged. */
function isModelDirectory(path: string): boolean {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(path, MANIFEST_FILE), 'utf8'));
    return (
      typeof manifest === 'object' &&
      manifest !== null &&
      'format' in manifest &&
      String(manifest.format).startsWith('m3edge/')
    );
  } catch {
    return false;
  }
}

type SiblingKind = 'partial' | 'replaced';

/** A hidden directory beside `target`, on the same disk so that a rename is atomic; the process id tells leftovers from live ones. */
function siblingOf(target: string, kind: SiblingKind): string {
  return join(dirname(target), `.${basename(target)}.${kind}-${process.pid}-${randomBytes(4).toString('hex')}`);
}

/** Removes what killed runs left beside `target`; a model that one of them had just set aside is put back. */
function clearLeftovers(target: string): void {
  const prefix = `.${basename(target)}.`;
  for (const name of readdirSync(dirname(target))) {
    const [, kind, pid] = name.startsWith(prefix)
      ? (/^(partial|replaced)-(\d+)-[0-9a-f]{8}$/.exec(name.slice(prefix.length)) ?? [])
      : [];
    if (kind === undefined || isRunning(Number(pid))) continue;
    const leftover = join(dirname(target), name);
    if (kind === 'replaced' && !existsSync(target)) renameSync(leftover, target);
    else rmSync(leftover, { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function writeFully(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}

/** Makes names durable, as fsync does for contents; Windows cannot, and need not. */
function syncDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(path, 'r');
  fsyncSync(fd);
  closeSync(fd);
}
