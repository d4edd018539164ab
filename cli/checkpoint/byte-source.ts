import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { UserError } from '../user-error.ts';

/** Random access to a checkpoint file, which may be larger than memory. Reads block: converting does nothing else meanwhile. */
export interface ByteSource {
  /** As it is named in errors. */
  readonly name: string;
  readonly byteLength: number;
  /**
   * Fills `into` with the bytes from `offset` on.
   *
   * @throws UserError if the file ends before.
   */
  read(offset: number, into: Uint8Array): void;
  close(): void;
}

export function openByteSource(path: string, name: string): ByteSource {
  // Asked before it is opened: opening a pipe would wait for its writer.
  if (!statSync(path).isFile()) throw new UserError(`${name}: not a regular file`);
  const fd = openSync(path, 'r');
  const byteLength = fstatSync(fd).size;
  return {
    name,
    byteLength,
    read(offset, into) {
      checkRange(name, byteLength, offset, into.length);
      for (let done = 0; done < into.length; ) {
        const count = readSync(fd, into, done, into.length - done, offset + done);
        if (count === 0) throw new UserError(`${name}: ends at byte ${offset + done}; it changed while it was read`);
        done += count;
      }
    },
    close: () => closeSync(fd),
  };
}

export function memoryByteSource(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    byteLength: bytes.length,
    read(offset, into) {
      checkRange(name, bytes.length, offset, into.length);
      into.set(bytes.subarray(offset, offset + into.length));
    },
    close() {},
  };
}

function checkRange(name: string, byteLength: number, offset: number, length: number): void {
  if (!(Number.isSafeInteger(offset) && offset >= 0 && offset + length <= byteLength)) {
    throw new UserError(`${name}: bytes ${offset} to ${offset + length} were asked for, the file has ${byteLength}`);
  }
}
