import * as v from 'valibot';
import { DOCUMENT_STATES } from '../documents/document-store.ts';
import { NativeError } from './native-schema.ts';
import type { Operation, Parameter } from './operation.ts';
import { described, text } from './schema-parts.ts';

/** The store of documents; docs/documents.md describes it. */

const ID = /^[A-Za-z0-9._:-]{1,128}$/;
const id = v.pipe(v.string(), v.regex(ID, 'must be 1 to 128 of A-Z a-z 0-9 . _ : -'));
const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
const object = v.custom<Record<string, unknown>>(isObject, 'must be an object');
const metadata = v.optional(described(object, 'An object of anything; comes back as it is'), {});

export const DocumentId = v.strictObject({ id });
export const PutRequest = v.strictObject({ text: described(text, 'What is embedded'), metadata });
/** A line of an import, and of an export. */
export const DocumentLine = v.strictObject({ id, text, metadata });

/** Documents in one page of a list. */
const MAX_LIMIT = 1000;
export const ListQuery = v.strictObject({
  state: v.optional(described(v.picklist(DOCUMENT_STATES), 'Only documents in this state')),
  after: v.optional(described(id, 'Only ids behind this one: `next` of the page before')),
  limit: v.optional(
    described(
      v.pipe(v.string(), v.regex(/^([1-9]\d{0,2}|1000)$/, `must be a number from 1 to ${MAX_LIMIT}`)),
      'Documents a page, 1 to 1000',
    ),
    '100',
  ),
});

const count = v.number();
const state = described(v.picklist(DOCUMENT_STATES), 'In the set of the model that answers');
const Summary = v.strictObject({
  id: v.string(),
  content_hash: described(v.string(), 'sha256 of the text in UTF-8'),
  revision: described(count, 'Changes of the text, from 1'),
  state,
  attempts: described(count, 'To embed this revision, while it is not embedded'),
  last_error: described(v.nullable(v.string()), 'Of the last attempt that failed'),
  updated_at: described(v.string(), 'ISO 8601'),
});

export const PutAnswer = v.strictObject({
  id: v.string(),
  content_hash: v.string(),
  changed: described(v.boolean(), 'Whether text or metadata are other than before'),
});
export const DocumentAnswer = v.strictObject({
  ...Summary.entries,
  text: v.string(),
  metadata: v.record(v.string(), v.unknown()),
});
export const ListAnswer = v.strictObject({
  documents: v.array(Summary),
  next: described(v.nullable(v.string()), '`after` of the next page; null: this is the last'),
});
export const ImportAnswer = v.strictObject({
  lines: described(count, 'Read, without empty ones'),
  changed: described(count, 'Documents that are new or other than before'),
  refused: described(count, 'Lines'),
  errors: described(
    v.array(v.strictObject({ line: count, code: v.string(), message: v.string(), param: v.optional(v.string()) })),
    'Of the first 100 refused lines',
  ),
});

export const ReembedRequest = v.strictObject({
  action: v.optional(
    described(
      v.picklist(['plan', 'switch', 'rollback']),
      'plan: look for what is not embedded, as the cron does; switch: let readers use this model’s set though documents have failed in it; rollback: let them use the set of before the last switch',
    ),
    'plan',
  ),
  retry_failed: v.optional(described(v.boolean(), 'Try again what has failed'), false),
});
export const ReembedAnswer = v.strictObject({
  started: described(v.boolean(), 'false: another run is under way'),
  hinted: described(count, 'Documents of which a message was sent'),
  retried: described(count, 'Failed documents that wait again'),
  switched: described(v.boolean(), 'Whether readers use another set since now'),
  serving: described(v.nullable(v.string()), 'Fingerprint of the set that readers use'),
});
export const StatusAnswer = v.strictObject({
  fingerprint: described(v.string(), 'Of the model that answers; what follows is about its set'),
  total: described(count, 'Documents of all tenants'),
  embedded: count,
  pending: count,
  failed: count,
  documents_per_minute: described(count, 'In the last ten minutes'),
  seconds_left: described(v.nullable(count), 'At this speed; null where nothing was embedded lately'),
  serving: described(v.nullable(v.string()), 'Fingerprint of the set that readers use'),
  previous: described(v.nullable(v.string()), 'Fingerprint of the set that a rollback goes back to'),
  sets: v.array(v.strictObject({ fingerprint: v.string(), embedded: count, failed: count, serving: v.boolean() })),
});

const documents = { tag: 'documents', errors: NativeError } as const;
const oneDocument = {
  ...documents,
  paths: ['/documents/:id'],
  pathParameters: {
    id: { schema: id, description: 'The document’s id', example: 'm3' } satisfies Parameter,
  },
} as const;

export const putOne = {
  ...oneDocument,
  method: 'put',
  role: 'write',
  summary: 'Stores a document; it is embedded soon after',
  request: PutRequest,
  answer: PutAnswer,
  status: 202,
  examples: { 'a text': { text: 'BGE M3 is an embedding model.', metadata: { topic: 'models' } } },
} as const satisfies Operation;

export const getOne = {
  ...oneDocument,
  method: 'get',
  role: 'read',
  summary: 'A document, and how far it has come',
  answer: DocumentAnswer,
} as const satisfies Operation;

export const deleteOne = {
  ...oneDocument,
  method: 'delete',
  role: 'write',
  summary: 'Forgets a document and its vectors',
  answer: null,
  status: 204,
} as const satisfies Operation;

export const listStored = {
  ...documents,
  paths: ['/documents'],
  method: 'get',
  role: 'read',
  summary: 'Documents and how far they have come, in the order of ids',
  query: ListQuery,
  answer: ListAnswer,
  streams: { 'application/x-ndjson': 'All documents with their texts, a line each, as an import takes them' },
} as const satisfies Operation;

export const importMany = {
  ...documents,
  paths: ['/documents'],
  method: 'post',
  role: 'write',
  summary: 'Stores many documents, a line of JSON each; lines that are refused stop no others',
  lines: DocumentLine,
  answer: ImportAnswer,
  examples: {
    'two documents': '{"id":"m3","text":"BGE M3 is an embedding model."}\n{"id":"bm25","text":"BM25 counts words."}\n',
  },
} as const satisfies Operation;

export const reembed = {
  ...documents,
  paths: ['/reembed'],
  method: 'post',
  role: 'admin',
  summary: 'Looks for what is not embedded; lets readers use another model’s vectors',
  request: ReembedRequest,
  answer: ReembedAnswer,
  examples: { 'look now': {}, 'try again what has failed': { retry_failed: true } },
} as const satisfies Operation;

export const reembedStatus = {
  ...documents,
  paths: ['/reembed/status'],
  method: 'get',
  role: 'admin',
  summary: 'How far the store is embedded',
  answer: StatusAnswer,
} as const satisfies Operation;
