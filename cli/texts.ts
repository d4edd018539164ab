import { LIMITS } from '../src/limits.ts';
import { VISIBLE } from '../src/text-rules.ts';
import { UserError } from './user-error.ts';

/** Texts of one batch at most: several passes of short ones. */
const BATCH_LINES = 64;

export interface LineBatch {
  /** Number of the first line, counted from 1. */
  readonly first: number;
  readonly lines: readonly string[];
}

/**
 * The lines of a UTF-8 stream. A batch holds what has arrived, and never waits for more: another program may write a line and wait for ours.
 *
 * @throws UserError for invalid UTF-8 and for a line longer than a text may be.
 */
export async function* readLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<LineBatch> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let first = 1;
  let rest = '';
  for await (const chunk of input) {
    const lines = (rest + decode(decoder, chunk, first)).split('\n');
    rest = lines.pop()!;
    for (let start = 0; start < lines.length; start += BATCH_LINES) {
      const batch = lines.slice(start, start + BATCH_LINES).map(withoutCarriageReturn);
      yield { first, lines: batch };
      first += batch.length;
    }
    // A JSON string may escape every unit with six.
    if (rest.length > 6 * LIMITS.textUnits) throw new UserError(`line ${first} is longer than a text may be; cut it`);
  }
  rest += decode(decoder, undefined, first);
  if (rest !== '') yield { first, lines: [withoutCarriageReturn(rest)] };
}

function decode(decoder: TextDecoder, chunk: Uint8Array | undefined, line: number): string {
  try {
    return decoder.decode(chunk, { stream: chunk !== undefined });
  } catch (cause) {
    throw new UserError(`line ${line} or one after it is not valid UTF-8; convert the input, with iconv for example`, {
      cause,
    });
  }
}

const withoutCarriageReturn = (line: string) => (line.endsWith('\r') ? line.slice(0, -1) : line);

/** With `--json` a line is a JSON string, so that a text may hold newlines. */
export function parseLine(line: string, number: number, isJson: boolean): string {
  if (!isJson) return line;
  let text: unknown;
  try {
    text = JSON.parse(line);
  } catch {
    text = undefined;
  }
  if (typeof text !== 'string')
    throw new UserError(`line ${number} is not a JSON string; without --json a line is a text`);
  return text;
}

/** The rules of the HTTP routes. */
export function checkText(text: string, place: string): void {
  if (!VISIBLE.test(text)) throw new UserError(`${place} is empty or has nothing visible; leave it out`);
  if (text.length > LIMITS.textUnits) {
    throw new UserError(`${place} is longer than ${LIMITS.textUnits} UTF-16 units; cut it into parts`);
  }
  if (!text.isWellFormed()) throw new UserError(`${place} has half of a surrogate pair; send whole characters`);
}
