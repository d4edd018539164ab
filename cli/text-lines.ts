import { readFileSync } from 'node:fs';
import { UserError } from './user-error.ts';

/** The lines of a UTF-8 file that hold more than white space. @throws UserError if it cannot be read or has none. */
export function readTextLines(path: string): string[] {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (cause) {
    throw new UserError(`${path}: cannot be read as UTF-8 text (${(cause as Error).message})`, { cause });
  }
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  if (lines.length === 0) throw new UserError(`${path}: no text in it; give one a line`);
  return lines;
}
