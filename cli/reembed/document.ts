import { createHash } from 'node:crypto';
import { LIMITS } from '../../src/limits.ts';
import { checkText } from '../texts.ts';
import { UserError } from '../user-error.ts';
import type { ByteLine } from './byte-lines.ts';

/** A line of the input. */
export interface Document {
  /** Number of its line. */
  readonly line: number;
  readonly text: string;
  /** Bytes of the text in UTF-8. */
  readonly textBytes: number;
  /** How its line of the output begins, whatever its vectors are: `{"id":"a","content_hash":"..","fingerprint":".."`. */
  readonly head: string;
}

/** A text of LIMITS.textUnits with every unit escaped, as `\u0000` is, and as much again for the rest. */
const MAX_LINE_BYTES = 12 * LIMITS.textUnits;
const ID = /^[A-Za-z0-9._:-]{1,128}$/;
const FIELDS = ['id', 'text', 'metadata'];
const SHAPE = 'write {"id":"..","text":".."}, and "metadata":{..} where there is some';
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * @param fingerprint Of the model that will embed it.
 * @returns undefined for a line of white space.
 * @throws UserError naming the line and the fix.
 */
export function parseDocument({ number, bytes }: ByteLine, fingerprint: string): Document | undefined {
  const place = `line ${number}`;
  if (bytes.length > MAX_LINE_BYTES) throw new UserError(`${place} has ${bytes.length} bytes; cut its text into parts`);
  const source = decode(bytes, place);
  if (source.trim() === '') return undefined;
  const fields = parseObject(source, place);
  const unknown = Object.keys(fields).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined)
    throw new UserError(`${place} has the field ${JSON.stringify(unknown.slice(0, 40))}; ${SHAPE}`);
  const { id, text, metadata } = fields;
  if (typeof id !== 'string' || !ID.test(id))
    throw new UserError(`${place}: id must be a string of 1 to 128 of A-Z a-z 0-9 . _ : -`);
  if (typeof text !== 'string') throw new UserError(`${place}: text must be a string`);
  if (metadata !== undefined && !isObject(metadata)) throw new UserError(`${place}: metadata must be an object`);
  checkText(text, `${place}: text`);

  const digest = createHash('sha256').update(text).digest('hex');
  const head = `{"id":"${id}","content_hash":"${digest}","fingerprint":"${fingerprint}"`;
  return {
    line: number,
    text,
    textBytes: Buffer.byteLength(text),
    head: metadata === undefined ? head : `${head},"metadata":${JSON.stringify(metadata)}`,
  };
}

function decode(bytes: Uint8Array, place: string): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new UserError(`${place} is not valid UTF-8; convert the input, with iconv for example`, { cause });
  }
}

function parseObject(source: string, place: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(source);
    if (isObject(value)) return value;
  } catch {
    // as what is no object
  }
  throw new UserError(`${place} is not a JSON object; ${SHAPE}`);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
