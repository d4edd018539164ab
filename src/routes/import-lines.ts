import type { Database } from '../documents/database.ts';
import { BATCH_BYTES, type NewDocument, putDocuments } from '../documents/document-store.ts';
import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { DocumentLine } from './documents-schema.ts';
import { parseJsonBytes } from './json-body.ts';
import { parseRequest } from './parse-request.ts';

/** Documents in one statement. */
const BATCH_DOCUMENTS = 500;
/** Errors that are told. */
const MAX_ERRORS = 100;

interface LineError {
  readonly line: number;
  readonly code: string;
  readonly message: string;
  readonly param?: string;
}

export interface ImportReport {
  readonly lines: number;
  readonly changed: number;
  readonly refused: number;
  readonly errors: LineError[];
  /** Of a document that changed; undefined where none did. */
  readonly lastKey: number | undefined;
}

/**
 * Stores documents as their lines come; no more than a batch is in memory.
 *
 * @throws ServiceError where the database does not answer; what was stored before remains, and the same import can be sent again.
 */
export async function importLines(
  db: Database,
  tenant: string,
  body: AsyncIterable<Uint8Array>,
): Promise<ImportReport> {
  const errors: LineError[] = [];
  let [lines, changed, refused, number, bytes] = [0, 0, 0, 0, 0];
  let lastKey: number | undefined;
  let batch: NewDocument[] = [];
  const flush = async () => {
    if (batch.length === 0) return;
    const keys = await putDocuments(db, tenant, batch);
    changed += keys.length;
    lastKey = keys.at(-1) ?? lastKey;
    batch = [];
    bytes = 0;
  };
  for await (const line of splitLines(body, LIMITS.bodyBytes)) {
    number++;
    if (line?.length === 0) continue;
    lines++;
    try {
      if (!line) throw new ServiceError('body_too_large', `the line is longer than ${LIMITS.bodyBytes} bytes`);
      const { id, text, metadata } = parseRequest(DocumentLine, parseJsonBytes(line, 'the line'));
      if (line.length > LIMITS.documentBytes) {
        throw new ServiceError(
          'input_too_long',
          `the line has more than ${LIMITS.documentBytes} bytes; cut the document`,
        );
      }
      if (batch.length === BATCH_DOCUMENTS || bytes + line.length > BATCH_BYTES) await flush();
      batch.push({ id, text, metadata });
      bytes += line.length;
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code === 'store_unavailable') throw error;
      refused++;
      const { code, message, param } = error;
      if (errors.length < MAX_ERRORS) errors.push({ line: number, code, message, ...(param && { param }) });
    }
  }
  await flush();
  return { lines, changed, refused, errors, lastKey };
}

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

/** Lines without their ends; undefined for one that is longer than `maxBytes`, of which no more is kept. */
async function* splitLines(body: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array | undefined> {
  let parts: Uint8Array[] = [];
  let length = 0;
  const add = (part: Uint8Array) => {
    length += part.length;
    if (length <= maxBytes) parts.push(part);
    else parts = [];
  };
  const take = (): Uint8Array | undefined => {
    const line = length <= maxBytes ? concat(parts, length) : undefined;
    parts = [];
    length = 0;
    return line?.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
  };
  for await (const chunk of body) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    add(chunk.slice(start)); // the chunk may be a buffer that is used again
  }
  if (length > 0) yield take();
}

function concat(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
