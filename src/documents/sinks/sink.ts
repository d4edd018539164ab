import type { Embedding } from '../../embedder.ts';
import type { ClaimedDocument } from '../outbox.ts';
import type { VectorSet } from '../stored-vectors.ts';

/** A document's vectors on their way into stores. */
export interface VectorRecord {
  readonly document: ClaimedDocument;
  readonly fingerprint: string;
  /** Its id in stores outside of D1. */
  readonly externalId: string;
  /** With dense and sparse parts. */
  readonly embedding: Embedding;
}

/** Where vectors are kept. Every write can be repeated: it is keyed by document, content and fingerprint. */
export interface VectorSink {
  /** For messages: `Vectorize`. */
  readonly name: string;
  /** Returns after the records are kept. @throws Where any is not. */
  put(records: readonly VectorRecord[]): Promise<void>;
  /** Forgets what has these external ids; those that are not there are no matter. */
  remove(externalIds: readonly string[]): Promise<void>;
}

/**
 * An id that no other vectors ever have: fingerprint, set, key, revision and a hash of tenant and id, within the 64 bytes that Vectorize takes. A document
 * that comes back after its deletion has another key, a text that comes back another revision, a model that comes back after its sweep another set:
 * a late removal hits none of them.
 */
export async function externalIdOf(
  { key, revision, tenant, id }: Pick<ClaimedDocument, 'key' | 'revision' | 'tenant' | 'id'>,
  set: VectorSet,
): Promise<string> {
  return `${set.fingerprint}-${set.id}-${key}-${revision}-${await shortHash(JSON.stringify([tenant, id]))}`;
}

const EXTERNAL_ID = /^[0-9a-f]{16}-(\d+)-(\d+)-(\d+)-[0-9a-f]{16}$/;

/** What an external id says; undefined where it is none. */
export function parseExternalId(
  externalId: string,
): { readonly setId: number; readonly key: number; readonly revision: number } | undefined {
  const [, setId, key, revision] = EXTERNAL_ID.exec(externalId) ?? [];
  return setId === undefined ? undefined : { setId: Number(setId), key: Number(key), revision: Number(revision) };
}

/** The first 16 hex digits of the sha256. */
export async function shortHash(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
