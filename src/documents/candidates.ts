import { type Database, type SqlValue, statement } from './database.ts';
import type { VectorSet } from './stored-vectors.ts';

/** Whose documents are searched. */
export interface SearchScope {
  readonly set: VectorSet;
  /** tenants.id */
  readonly tenant: number;
  /** Values that metadata must have at its top level; default none. */
  readonly filter?: Filter | undefined;
}

export type Filter = Readonly<Record<string, string | number | boolean | null>>;

/**
 * Whether the document `d` has what the filter wants. To JSON 1 and 1.0 are equal, 1 and true are not.
 *
 * @param parameter Its place in the statement.
 */
const passesFilter = (parameter: string) => `NOT EXISTS (SELECT 1 FROM json_each(${parameter}) f WHERE NOT EXISTS (
  SELECT 1 FROM json_each(d.metadata) m WHERE m.key = f.key AND m.atom IS f.atom
  AND replace(m.type, 'real', 'integer') = replace(f.type, 'real', 'integer')))`;

/**
 * Documents with the largest lexical scores; none without a token of the query.
 *
 * @returns Keys, best first; of equal ones the older first.
 */
export function lexicalCandidates(
  db: Database,
  { set, tenant, filter }: SearchScope,
  weights: ReadonlyMap<number, number>,
  count: number,
): Promise<number[]> {
  // The query's tokens come first, so that each is one walk through its documents.
  const sql = `SELECT p.document FROM json_each(?4) q
    CROSS JOIN postings p ON p.set_id = ?1 AND p.tenant = ?2 AND p.token = CAST(q.key AS INTEGER)
    ${filter ? `JOIN documents d ON d.key = p.document AND ${passesFilter('?5')}` : ''}
    GROUP BY p.document ORDER BY sum(p.weight * q.value) DESC, p.document LIMIT ?3`;
  const query = JSON.stringify(Object.fromEntries(weights));
  return keys(db, sql, set.id, tenant, count, query, ...printed(filter));
}

/** The first documents that have vectors, whatever they say. @returns Keys, in the order of ids. */
export function firstDocuments(db: Database, { set, tenant, filter }: SearchScope, count: number): Promise<number[]> {
  const sql = `SELECT v.document FROM documents d JOIN vectors v ON v.set_id = ?1 AND v.document = d.key
    WHERE d.tenant = ?2 ${filter ? `AND ${passesFilter('?4')}` : ''} ORDER BY d.id LIMIT ?3`;
  return keys(db, sql, set.id, tenant, count, ...printed(filter));
}

/** Those of `documents` that are the tenant's and pass the filter. */
export function allowedDocuments(
  db: Database,
  { tenant, filter }: SearchScope,
  documents: readonly number[],
): Promise<number[]> {
  const sql = `SELECT d.key AS document FROM documents d WHERE d.key IN (SELECT value FROM json_each(?1)) AND d.tenant = ?2
    ${filter ? `AND ${passesFilter('?3')}` : ''}`;
  return keys(db, sql, JSON.stringify(documents), tenant, ...printed(filter));
}

const printed = (filter: Filter | undefined): string[] => (filter ? [JSON.stringify(filter)] : []);

async function keys(db: Database, sql: string, ...values: SqlValue[]): Promise<number[]> {
  const { results } = await statement(db, sql, ...values).all<{ document: number }>();
  return results.map(({ document }) => document);
}
