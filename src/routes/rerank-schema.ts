import * as v from 'valibot';
import { LIMITS } from '../limits.ts';
import type { Operation } from './operation.ts';
import { described, list, maxTokens, modeWeights, text, wholeNumber } from './schema-parts.ts';
import { storedPassage } from './stored-passage.ts';
import { TeiError } from './tei-schema.ts';

/** What documents are ranked by, with the outputs that each needs. */
export const MODES = {
  dense: { dense: true },
  sparse: { sparse: true },
  colbert: { colbert: true },
  'sparse+dense': { dense: true, sparse: true },
  'colbert+sparse+dense': { dense: true, sparse: true, colbert: true },
} as const;
export type Mode = keyof typeof MODES;
const MODE_NAMES = Object.keys(MODES) as [Mode, ...Mode[]];

const ours = {
  mode: v.optional(described(v.picklist(MODE_NAMES), 'Ours: which of M3’s scores'), 'colbert+sparse+dense'),
  weights: v.optional(modeWeights),
};

/** @see huggingface/text-embeddings-inference router/src/http/types.rs, RerankRequest */
export const TeiRerankRequest = v.strictObject({
  query: text,
  texts: described(list(v.union([text, storedPassage]), LIMITS.maxDocuments), 'Texts, or what /encode has answered'),
  truncate: v.optional(v.nullable(described(v.boolean(), 'Cut what is too long, as by default; false refuses it'))),
  truncation_direction: v.optional(v.picklist(['Left', 'Right', 'left', 'right']), 'Right'),
  raw_scores: v.optional(described(v.boolean(), 'Without effect: these scores have no other form'), false),
  return_text: v.optional(v.boolean(), false),
  ...ours,
});

const documents = described(
  list(v.union([text, v.strictObject({ text }), storedPassage]), LIMITS.maxDocuments),
  'Texts, objects with a text, or what /encode has answered',
);

/** @see cohere-ai/cohere-typescript V2RerankRequest */
const RerankRequestV2 = v.strictObject({
  model: v.string(),
  query: text,
  documents,
  top_n: v.optional(wholeNumber(1)),
  max_tokens_per_doc: v.optional(described(maxTokens, 'What is longer is cut; default 512')),
  priority: v.optional(described(wholeNumber(0, 999), 'Without effect: requests are served as they come')),
  ...ours,
});

/** Jina and Cohere v1, which cannot be told apart. */
export const RerankRequestV1 = v.strictObject({
  ...RerankRequestV2.entries,
  model: v.optional(v.string()),
  return_documents: v.optional(v.boolean(), false),
  rank_fields: v.optional(described(v.strictTuple([v.literal('text')]), 'Documents are ranked by their text alone')),
  max_chunks_per_doc: v.optional(described(wholeNumber(1), 'Without effect: a document is one chunk')),
});

const ranked = v.strictObject({
  index: v.number(),
  relevance_score: v.number(),
  document: v.optional(v.strictObject({ text: v.string() })),
});
const meta = v.strictObject({
  api_version: v.strictObject({ version: v.string() }),
  billed_units: v.strictObject({ search_units: v.number() }),
});

const TeiRanks = v.array(v.strictObject({ index: v.number(), text: v.optional(v.string()), score: v.number() }));
export const RanksV1 = v.strictObject({
  id: v.string(),
  object: v.literal('list'),
  model: v.string(),
  usage: v.strictObject({ prompt_tokens: v.number(), total_tokens: v.number() }),
  results: v.array(ranked),
  meta,
});
const RanksV2 = v.strictObject({ id: v.string(), results: v.array(ranked), meta });

/** Cohere reads `message`, Jina `detail`. */
export const RerankError = v.strictObject({ message: v.string(), detail: v.string() });

const query = 'What is BGE M3?';
const texts = ['BM25 is a bag-of-words retrieval function.', 'BGE M3 is an embedding model.'];

export const rerank = {
  method: 'post',
  paths: ['/rerank', '/v1/rerank', '/reranking', '/v1/reranking'],
  tag: 'rerank',
  summary:
    'Ranks texts by a query: in the shape of TEI where the body has texts, of Jina and Cohere where it has documents',
  role: 'read',
  request: v.union([TeiRerankRequest, RerankRequestV1]),
  answer: v.union([TeiRanks, RanksV1]),
  errors: v.union([TeiError, RerankError]),
  examples: {
    TEI: { query, texts, return_text: true },
    'Jina, Cohere': { query, documents: texts, top_n: 1, return_documents: true },
    'by the sparse score': { query, documents: texts, mode: 'sparse' },
  },
} as const satisfies Operation;

export const rerankV2 = {
  ...rerank,
  paths: ['/v2/rerank'],
  summary: 'Ranks documents by a query, as Cohere v2 does',
  request: RerankRequestV2,
  answer: RanksV2,
  errors: RerankError,
  examples: { 'two documents': { model: 'bge-m3', query, documents: texts, top_n: 2 } },
} as const satisfies Operation;
