import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { type Database, type Statement, statement } from './database.ts';

/** What a caller stores. */
export interface NewDocument {
  readonly id: string;
  readonly text: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** How far a document has come in one set of vectors. */
export type DocumentState = 'pending' | 'embedded' | 'failed';
export const DOCUMENT_STATES = ['pending', 'embedded', 'failed'] as const;

export interface DocumentSummary {
  readonly id: string;
  readonly contentHash: string;
  /** Counts changes of the text, from 1. */
  readonly revision: number;
  readonly state: DocumentState;
  readonly attempts: number;
  readonly lastError: string | null;
  /** Seconds since 1970. */
  readonly updatedAt: number;
}

export interface StoredDocument extends DocumentSummary {
  readonly text: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** sha256 of the text in UTF-8, 64 hex digits. */
export async function contentHash(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Bytes of documents in one statement: with SQL's own copy of it and the row, far below what D1 takes. */
export const BATCH_BYTES = 512 * 1024;

const UPDATE_ON_CONFLICT = `ON CONFLICT (tenant, id) DO UPDATE SET text = excluded.text, metadata = excluded.metadata,
    revision = revision + (content_hash <> excluded.content_hash), content_hash = excluded.content_hash, updated_at = unixepoch()
  WHERE content_hash <> excluded.content_hash OR metadata <> excluded.metadata
  RETURNING key`;
const INSERT = 'INSERT INTO documents (tenant, id, text, metadata, content_hash)';

/**
 * Writes documents, each with its promise to be embedded where the text is new. Of two with the same id the later counts.
 *
 * @returns Keys of those that were new or changed.
 * @throws ServiceError `input_too_long` where a document is longer than LIMITS.documentBytes.
 */
export async function putDocuments(
  db: Database,
  tenant: string,
  documents: readonly NewDocument[],
): Promise<readonly number[]> {
  const statements: Statement[] = [
    statement(db, 'INSERT INTO tenants (name) VALUES (?) ON CONFLICT DO NOTHING', tenant),
  ];
  const rows = await Promise.all(
    documents.map(async ({ id, text, metadata }) => {
      const row = { id, text, metadata: JSON.stringify(metadata), hash: await contentHash(text) };
      checkDocumentBytes(row.text, row.metadata);
      return row;
    }),
  );
  if (rows.length === 1) {
    const { id, text, metadata, hash } = rows[0]!; // as values, not as JSON, in which a control character takes six bytes
    const sql = `${INSERT} SELECT id, ?, ?, ?, ? FROM tenants WHERE name = ? ${UPDATE_ON_CONFLICT}`;
    statements.push(statement(db, sql, id, text, metadata, hash, tenant));
  } else {
    const sql = `${INSERT} SELECT t.id, value->>'id', value->>'text', value->>'metadata', value->>'hash'
      FROM tenants t, json_each(?) WHERE t.name = ? ${UPDATE_ON_CONFLICT}`;
    statements.push(statement(db, sql, JSON.stringify(rows), tenant));
  }
  const [, written] = await db.batch<{ key: number }>(statements);
  return written!.results.map(({ key }) => key);
}

const encoder = new TextEncoder();

/** @throws ServiceError `input_too_long`. */
function checkDocumentBytes(text: string, metadata: string): void {
  const bytes = encoder.encode(text).length + encoder.encode(metadata).length;
  if (bytes <= LIMITS.documentBytes) return;
  throw new ServiceError(
    'input_too_long',
    `text and metadata have ${bytes} bytes, a document at most ${LIMITS.documentBytes}; cut it into several`,
    { param: 'text' },
  );
}

/** @returns Whether there was one. */
export async function deleteDocument(db: Database, tenant: string, id: string): Promise<boolean> {
  const sql = 'DELETE FROM documents WHERE tenant = (SELECT id FROM tenants WHERE name = ?) AND id = ? RETURNING key';
  return (await statement(db, sql, tenant, id).all()).results.length > 0;
}

/** Documents with their state in the set of a fingerprint; where it has no set yet, all are pending. */
const WITH_STATE = `FROM documents d LEFT JOIN vector_sets s ON s.fingerprint = ?1
  LEFT JOIN jobs j ON j.set_id = s.id AND j.document = d.key
  LEFT JOIN vectors v ON v.set_id = s.id AND v.document = d.key
  WHERE d.tenant = (SELECT id FROM tenants WHERE name = ?2)`;
const STATE = `CASE WHEN j.state = 'failed' THEN 'failed'
  WHEN j.state IS NULL AND v.content_hash = d.content_hash THEN 'embedded' ELSE 'pending' END`;
const SUMMARY = `d.id, d.content_hash AS contentHash, d.revision, ${STATE} AS state, COALESCE(j.attempts, 0) AS attempts,
  j.last_error AS lastError, d.updated_at AS updatedAt`;
const IS_STATE: Readonly<Record<DocumentState, string>> = {
  failed: "j.state = 'failed'",
  embedded: 'j.state IS NULL AND v.content_hash = d.content_hash',
  pending: "(j.state = 'pending' OR (j.state IS NULL AND v.content_hash IS NOT d.content_hash))",
};

/** @param fingerprint Of the set that the state is about. */
export async function getDocument(
  db: Database,
  fingerprint: string,
  tenant: string,
  id: string,
): Promise<StoredDocument | undefined> {
  const sql = `SELECT ${SUMMARY}, d.text, d.metadata ${WITH_STATE} AND d.id = ?3`;
  type Row = Omit<StoredDocument, 'metadata'> & { readonly metadata: string };
  const row = await statement(db, sql, fingerprint, tenant, id).first<Row>();
  return row ? { ...row, metadata: JSON.parse(row.metadata) } : undefined;
}

export interface ListOptions {
  readonly state?: DocumentState | undefined;
  /** Id of the last document seen. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** In the order of ids. */
export async function listDocuments(
  db: Database,
  fingerprint: string,
  tenant: string,
  { state, after = '', limit }: ListOptions,
): Promise<readonly DocumentSummary[]> {
  const filter = state ? `AND ${IS_STATE[state]}` : '';
  const sql = `SELECT ${SUMMARY} ${WITH_STATE} AND d.id > ?3 ${filter} ORDER BY d.id LIMIT ?4`;
  return (await statement(db, sql, fingerprint, tenant, after, limit).all<DocumentSummary>()).results;
}

/** Documents whose sizes are read at once. */
const PAGE_DOCUMENTS = 1000;

/** All documents of a tenant in the order of ids; never more in memory than a statement of BATCH_BYTES, or one document. */
export async function* exportDocuments(db: Database, tenant: string): AsyncGenerator<NewDocument> {
  const ofTenant = 'FROM documents WHERE tenant = (SELECT id FROM tenants WHERE name = ?) AND id > ?';
  for (let after = ''; ; ) {
    const sizes = `SELECT id, octet_length(text) + octet_length(metadata) AS bytes ${ofTenant} ORDER BY id LIMIT ?`;
    const page = await statement(db, sizes, tenant, after, PAGE_DOCUMENTS).all<{ id: string; bytes: number }>();
    if (page.results.length === 0) return;
    for (const group of groupByBytes(page.results, PAGE_DOCUMENTS, BATCH_BYTES)) {
      const last = group.at(-1)!.id;
      const texts = `SELECT id, text, metadata ${ofTenant} AND id <= ? ORDER BY id`;
      const { results } = await statement(db, texts, tenant, after, last).all<NewDocument & { metadata: string }>();
      for (const { id, text, metadata } of results) yield { id, text, metadata: JSON.parse(metadata) };
      after = last;
    }
  }
}

/** Consecutive groups of at most so many items and bytes; an item with more bytes is a group by itself. */
export function groupByBytes<Item extends { readonly bytes: number }>(
  items: readonly Item[],
  maxItems: number,
  maxBytes: number,
): Item[][] {
  const groups: Item[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const item of items) {
    if (bytes + item.bytes > maxBytes || groups.at(-1)!.length === maxItems) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(item);
    bytes += item.bytes;
  }
  return groups;
}
