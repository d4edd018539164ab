import type { Embedding } from './embedder.ts';
import { colbertMapJson, colbertRowsJson } from './embedding-json.ts';
import { float32Json } from './float32-text.ts';
import { type SparseFormat, sparseJson } from './sparse-json.ts';
import type { Tokenizer } from './tokenizer/tokenizer.ts';

/** JSON that is printed already, in one piece or in many, or an object of such; what is undefined is left out. */
type Printed = string | AsyncIterable<string> | { readonly [key: string]: Printed | undefined };

/** An embedding's parts as a store takes them; those that were not asked for are absent. */
interface Parts {
  readonly id: string;
  readonly fingerprint: string;
  readonly dense?: string;
  readonly sparse?: string;
  readonly colbert?: AsyncIterable<string>;
}

interface Store {
  /** How lexical weights are printed; absent: the store takes none. */
  readonly sparse?: SparseFormat;
  /** How ColBERT rows are printed; absent: the store takes none. */
  readonly colbert?: 'list' | 'map';
  /** Whether ids are strings, also where a number was given. */
  readonly stringIds?: true;
  /** The lines of one record. */
  records(parts: Parts): readonly Printed[];
}

/** What each store is sent, one record a text: the elements of the list that its own request has. docs/api.md names where they go. */
const STORES = {
  qdrant: {
    sparse: 'indices_values',
    colbert: 'list',
    records: ({ id, dense, sparse, colbert, fingerprint }) => [
      { id, vector: { dense, sparse, colbert }, payload: { fingerprint } },
    ],
  },
  milvus: {
    sparse: 'dict',
    records: ({ id, dense, sparse, fingerprint }) => [{ id, dense, sparse, fingerprint }],
  },
  pinecone: {
    sparse: 'indices_values',
    stringIds: true,
    records: ({ id, dense: values, sparse: sparseValues, fingerprint }) => [
      { id, values, sparseValues, metadata: { fingerprint } },
    ],
  },
  elasticsearch: {
    sparse: 'dict',
    colbert: 'list',
    stringIds: true,
    records: ({ id: _id, dense, sparse, colbert, fingerprint }) => [
      { index: { _id } },
      { dense, sparse, colbert, fingerprint },
    ],
  },
  vespa: {
    sparse: 'dict',
    colbert: 'map',
    stringIds: true,
    records: ({ id, dense, sparse, colbert, fingerprint }) => [{ id, fields: { dense, sparse, colbert, fingerprint } }],
  },
  upstash: {
    sparse: 'indices_values',
    stringIds: true,
    records: ({ id, dense: vector, sparse: sparseVector, fingerprint }) => [
      { id, vector, sparseVector, metadata: { fingerprint } },
    ],
  },
  pgvector: {
    sparse: 'pgvector',
    records: ({ id, dense, sparse, fingerprint }) => [{ id, dense: dense && `"${dense}"`, sparse, fingerprint }],
  },
  vectorize: {
    stringIds: true,
    records: ({ id, dense: values, fingerprint }) => [{ id, values, metadata: { fingerprint } }],
  },
} as const satisfies Record<string, Store>;

export type StoreName = keyof typeof STORES;
export const STORE_NAMES = Object.keys(STORES) as [StoreName, ...StoreName[]];

/** Whether the store has a place for the part. */
export function storeTakes(name: StoreName, part: 'sparse' | 'colbert'): boolean {
  return (STORES[name] as Store)[part] !== undefined;
}

export interface RecordOptions {
  readonly store: StoreName;
  readonly fingerprint: string;
  readonly tokenizer: Pick<Tokenizer, 'decode' | 'vocabularySize'>;
  /** Floats a ColBERT row. */
  readonly colbertSize: number;
  /** Between the lines of a record that has several. */
  readonly separator: string;
}

/** One text's record, in pieces of at most a ColBERT row. */
export async function* storeRecord(
  id: string | number,
  { dense, lexicalWeights, colbert, colbertBlocks }: Embedding,
  { store: name, fingerprint, tokenizer, colbertSize, separator }: RecordOptions,
): AsyncGenerator<string> {
  const store: Store = STORES[name];
  const rows = colbert ? [colbert] : colbertBlocks;
  const parts: Parts = {
    id: JSON.stringify(store.stringIds ? String(id) : id),
    fingerprint: `"${fingerprint}"`,
    ...(dense && { dense: float32Json(dense) }),
    ...(lexicalWeights && store.sparse && { sparse: sparseJson(lexicalWeights, store.sparse, tokenizer) }),
    ...(rows && {
      colbert:
        store.colbert === 'map'
          ? colbertMapJson(rows, colbertSize)
          : colbertRowsJson(rows, { encoding: 'float', colbertSize }),
    }),
  };
  for (const [line, record] of store.records(parts).entries()) {
    if (line > 0) yield separator;
    yield* print(record);
  }
}

async function* print(printed: Printed): AsyncGenerator<string> {
  if (typeof printed === 'string') yield printed;
  else if (isStream(printed)) yield* printed;
  else {
    let separator = '{';
    for (const [key, value] of Object.entries(printed)) {
      if (value === undefined) continue;
      yield `${separator}"${key}":`;
      yield* print(value);
      separator = ',';
    }
    yield separator === '{' ? '{}' : '}';
  }
}

const isStream = (printed: AsyncIterable<string> | object): printed is AsyncIterable<string> =>
  Symbol.asyncIterator in printed;
