import { UserError } from '../user-error.ts';

/** Objects have no prototype, so that a key such as `__proto__` is a key like any other. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** Deep enough for a header, a config and an index file, and far from the stack's end. */
const MAX_DEPTH = 16;

/**
 * Parses JSON that may be hostile: unlike `JSON.parse` it refuses duplicate keys, of which two readers may take different ones, and deep
 * nesting.
 *
 * @param name The file, for errors.
 * @throws UserError naming the byte or character at which it went wrong.
 */
export function parseStrictJson(bytes: Uint8Array, name: string): Json {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new UserError(`${name}: not valid UTF-8`);
  }
  let at = 0;
  const fail = (what: string): never => {
    throw new UserError(`${name}: ${what} at character ${at}`);
  };
  /** The token at `at` that `pattern` (sticky) matches. */
  const token = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  const skipSpace = () => token(/[ \t\n\r]*/y);
  const take = (character: string): boolean => {
    skipSpace();
    if (text[at] !== character) return false;
    at++;
    return true;
  };
  const string = (): string => {
    skipSpace();
    const start = at;
    if (text[at] !== '"') fail('a string was expected');
    for (at++; text[at] !== '"'; at += text[at] === '\\' ? 2 : 1) {
      if (at >= text.length) fail('the text ends inside a string');
    }
    at++;
    try {
      return JSON.parse(text.slice(start, at)); // decides about escapes and control characters
    } catch {
      at = start;
      return fail('a malformed string');
    }
  };
  const object = (depth: number): JsonObject => {
    const result: JsonObject = Object.create(null);
    if (take('}')) return result;
    do {
      const key = string();
      if (key in result) fail(`duplicate key ${JSON.stringify(key.slice(0, 80))}`);
      if (!take(':')) fail('":" was expected');
      result[key] = value(depth);
    } while (take(','));
    if (!take('}')) fail('"," or "}" was expected');
    return result;
  };
  const array = (depth: number): Json[] => {
    const result: Json[] = [];
    if (take(']')) return result;
    do result.push(value(depth));
    while (take(','));
    if (!take(']')) fail('"," or "]" was expected');
    return result;
  };
  const value = (depth: number): Json => {
    if (depth > MAX_DEPTH) fail(`nesting deeper than ${MAX_DEPTH}`);
    if (take('{')) return object(depth + 1);
    if (take('[')) return array(depth + 1);
    if (text[at] === '"') return string();
    const literal =
      token(/(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/y) ?? fail('a value was expected');
    return JSON.parse(literal);
  };
  const result = value(0);
  skipSpace();
  if (at < text.length) fail('text after the value');
  return result;
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
