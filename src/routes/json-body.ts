import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';

/** Our deepest request has three levels; the rest is somebody probing. */
const MAX_DEPTH = 32;

/**
 * A request's body, parsed, with nothing repaired on the way: no inflating, no replacement characters, no duplicate keys of which two readers
 * may take different ones.
 *
 * @throws ServiceError `unsupported_media_type` | `body_too_large` | `bad_request`.
 */
export async function readJsonBody(request: Request, maxBytes: number = LIMITS.bodyBytes): Promise<unknown> {
  checkBodyHeaders(request.headers, 'application/json');
  const bytes = await readBytes(request, maxBytes);
  return parseJsonBytes(bytes, 'the body');
}

/**
 * @param what Names the bytes, for errors.
 * @throws ServiceError `bad_request`.
 */
export function parseJsonBytes(bytes: Uint8Array, what: string): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw new ServiceError('bad_request', `${what} is not valid UTF-8`);
  }
  try {
    checkStructure(text);
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The engine's own message quotes the input.
    const position = /position (\d+)/.exec(error.message)?.[1];
    throw new ServiceError('bad_request', `${what} is not valid JSON${position ? ` at character ${position}` : ''}`);
  }
}

/** @throws ServiceError `unsupported_media_type`. */
export function checkBodyHeaders(headers: Headers, wanted: string): void {
  const [mediaType, ...parameters] = (headers.get('content-type') ?? '').toLowerCase().split(';');
  if (mediaType!.trim() !== wanted) {
    throw new ServiceError('unsupported_media_type', `content-type must be ${wanted}`);
  }
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='));
  if (charset && !/^charset="?utf-?8"?$/.test(charset)) {
    throw new ServiceError('unsupported_media_type', 'the charset must be utf-8');
  }
  const encoding = headers.get('content-encoding');
  if (encoding && encoding.toLowerCase() !== 'identity') {
    throw new ServiceError('unsupported_media_type', 'a content-encoding is not supported; send the body as it is');
  }
}

/** Counts what arrives: content-length may be absent or untrue. */
async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = () =>
    new ServiceError('body_too_large', `the body is longer than ${maxBytes} bytes; send fewer texts`);
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge();
  if (!request.body) throw new ServiceError('bad_request', 'the body is empty');
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body) {
    length += chunk.length;
    if (length > maxBytes) throw tooLarge(); // leaving the loop cancels the stream
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/**
 * Walks over brackets and strings, in time linear in the text's length. Text that is no JSON may pass; `JSON.parse` comes next.
 *
 * @throws ServiceError for deep nesting and duplicate keys; SyntaxError for a malformed key.
 */
function checkStructure(text: string): void {
  /** The keys of every open object, undefined for an open array. */
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '{' || character === '[') {
      if (open.push(character === '{' ? new Set() : undefined) > MAX_DEPTH) {
        throw new ServiceError('bad_request', `the body is nested deeper than ${MAX_DEPTH} levels`);
      }
    } else if (character === '}' || character === ']') {
      open.pop();
    } else if (character === '"') {
      const end = findStringEnd(text, i);
      const keys = open.at(-1);
      if (keys && isFollowedByColon(text, end)) {
        const key = JSON.parse(text.slice(i, end)) as string;
        if (keys.has(key)) throw new ServiceError('bad_request', 'a field appears twice', { param: shortName(key) });
        keys.add(key);
      }
      i = end - 1;
    }
  }
}

/** Index after the closing quote, or the text's end where there is none. */
function findStringEnd(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
  }
  return text.length;
}

function isFollowedByColon(text: string, end: number): boolean {
  let i = end;
  while (text[i] === ' ' || text[i] === '\n' || text[i] === '\r' || text[i] === '\t') i++;
  return text[i] === ':';
}

/** A name the caller made up, fit for an error: one line, not long. */
export function shortName(name: string): string {
  return name.replace(/[^\x20-\x7e]/g, '?').slice(0, 64);
}
