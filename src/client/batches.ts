import { M3edgeError } from './errors.ts';

/** Items of a list that are sent together. */
export interface Batch {
  /** Each as JSON. */
  readonly items: readonly string[];
  /** Index of the first in the caller's list. */
  readonly first: number;
}

/** What one request may have. */
export interface Room {
  readonly items: number;
  /** Of UTF-8, for all items and the commas between them. */
  readonly bytes: number;
}

/** Consecutive items, as many as one request may have; one that is too large alone is sent alone, and refused. An empty list is one batch. */
export function* batches(items: readonly unknown[], room: Room): Generator<Batch> {
  let batch: string[] = [];
  let first = 0;
  let bytes = 0;
  for (const item of items) {
    const json = JSON.stringify(item);
    const itemBytes = utf8Bytes(json) + ','.length;
    if (batch.length > 0 && (batch.length === room.items || bytes + itemBytes > room.bytes)) {
      yield { items: batch, first };
      first += batch.length;
      batch = [];
      bytes = 0;
    }
    batch.push(json);
    bytes += itemBytes;
  }
  yield { items: batch, first };
}

/** A request's body: the fields, and a list of what is JSON already. */
export function bodyWith(fields: object, name: string, items: readonly string[]): string {
  const others = JSON.stringify(fields).slice(1, -1);
  return `{${others}${others && ','}${JSON.stringify(name)}:[${items.join()}]}`;
}

/** What is left of `bodyBytes` for the items of the list `name`. */
export const roomBeside = (fields: object, name: string, bodyBytes: number): number =>
  bodyBytes - utf8Bytes(bodyWith(fields, name, []));

const encoder = new TextEncoder();
const utf8Bytes = (text: string): number => encoder.encode(text).length;

/** An error that names an item of a batch, with the item's place in the caller's own list. */
export function inCallersList(error: unknown, name: string, first: number): unknown {
  if (!(error instanceof M3edgeError) || first === 0) return error;
  const place = new RegExp(`\\b${name}\\[(\\d+)\\]`);
  const moved = (text: string) => text.replace(place, (_, index) => `${name}[${first + Number(index)}]`);
  return new M3edgeError(error.status, error.code, moved(error.message), {
    ...error,
    param: error.param && moved(error.param),
    cause: error.cause,
  });
}
