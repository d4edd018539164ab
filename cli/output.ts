import { once } from 'node:events';

/** Writes pieces to stdout no faster than they are read at the other end. */
export async function writeOut(pieces: Iterable<string> | AsyncIterable<string>): Promise<void> {
  for await (const piece of pieces) {
    if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
  }
}
