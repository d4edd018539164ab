import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { type Database, statement } from './database.ts';

/** What is told of a document that was found. */
export interface FoundDocument {
  readonly id: string;
  /** Of the text as it is now. */
  readonly contentHash: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Only where it was asked for. */
  readonly text?: string;
}

/**
 * Documents by their keys; those that have gone are left out.
 *
 * @throws ServiceError `budget_exceeded` where they do not fit into one answer.
 */
export async function readFound(
  db: Database,
  tenant: number,
  documents: readonly number[],
  withText: boolean,
): Promise<ReadonlyMap<number, FoundDocument>> {
  const keys = JSON.stringify(documents);
  const those = 'FROM documents WHERE tenant = ? AND key IN (SELECT value FROM json_each(?))';
  const sizes = `SELECT sum(octet_length(metadata)${withText ? ' + octet_length(text)' : ''}) AS bytes ${those}`;
  const { bytes } = (await statement(db, sizes, tenant, keys).first<{ bytes: number | null }>())!;
  if ((bytes ?? 0) > LIMITS.bodyBytes) {
    throw new ServiceError(
      'budget_exceeded',
      `what was found takes ${bytes} bytes, an answer at most ${LIMITS.bodyBytes}; lower limit, or leave return_text out`,
      { param: 'limit' },
    );
  }
  const columns = `key, id, content_hash AS contentHash, metadata${withText ? ', text' : ''}`;
  type Row = Omit<FoundDocument, 'metadata'> & { readonly key: number; readonly metadata: string };
  const { results } = await statement(db, `SELECT ${columns} ${those}`, tenant, keys).all<Row>();
  return new Map(results.map(({ key, metadata, ...rest }) => [key, { ...rest, metadata: JSON.parse(metadata) }]));
}

/** The first characters of documents' texts, in the order of keys. */
export async function readBeginnings(
  db: Database,
  tenant: number,
  documents: readonly number[],
  characters: number,
): Promise<readonly { readonly document: number; readonly text: string }[]> {
  const sql = `SELECT key AS document, substr(text, 1, ?) AS text FROM documents
    WHERE tenant = ? AND key IN (SELECT value FROM json_each(?)) ORDER BY key`;
  const keys = JSON.stringify(documents);
  return (await statement(db, sql, characters, tenant, keys).all<{ document: number; text: string }>()).results;
}
