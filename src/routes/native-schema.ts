import * as v from 'valibot';
import type { ErrorCode } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { SPARSE_FORMATS } from '../sparse-json.ts';
import { STORE_NAMES } from '../store-records.ts';
import { VECTOR_ENCODINGS } from '../vector-json.ts';
import { STATUS } from './error-response.ts';
import type { Operation } from './operation.ts';
import {
  described,
  list,
  maxTokens,
  modeWeights,
  plainString,
  printedVector,
  text,
  wholeNumber,
} from './schema-parts.ts';
import { storedPassage } from './stored-passage.ts';

/** The native requests and answers; each schema is the one description of its fields. */

/** What decides how much work an /encode request is. */
export const EstimateRequest = v.strictObject({
  texts: described(v.union([text, list(text, LIMITS.maxTexts)]), 'One text, or a list'),
  return_dense: v.optional(v.boolean(), true),
  return_sparse: v.optional(v.boolean(), false),
  return_colbert_vecs: v.optional(v.boolean(), false),
  max_length: v.optional(described(maxTokens, "Tokens a text; default the model's maximum")),
  truncate: v.optional(described(v.boolean(), 'Cut a text that is too long; otherwise it is refused'), false),
  pooling: v.optional(described(v.picklist(['cls', 'mean']), 'Of dense vectors; M3 was trained for cls'), 'cls'),
  instruction: v.optional(described(plainString, 'Put before every text; M3 needs none')),
});

export const EncodeRequest = v.strictObject({
  ...EstimateRequest.entries,
  encoding_format: v.optional(described(v.picklist(VECTOR_ENCODINGS), 'Of dense and ColBERT vectors'), 'float'),
  sparse_format: v.optional(described(v.picklist(SPARSE_FORMATS), 'Of lexical weights; default dict')),
  dimensions: v.optional(
    described(
      wholeNumber(1),
      'Floats kept of the dense vector and of each ColBERT row, made unit vectors again. M3 is not trained for it',
    ),
  ),
  top_k: v.optional(described(wholeNumber(1), 'Lexical weights kept, the largest')),
  min_weight: v.optional(
    described(v.pipe(v.number(), v.minValue(0, 'must not be negative')), 'Smallest lexical weight kept'),
  ),
  format: v.optional(described(v.picklist(STORE_NAMES), 'Records as a vector store takes them, in `rows`')),
  ids: v.optional(
    described(
      list(
        v.union([
          wholeNumber(0),
          v.pipe(v.string(), v.regex(/^[A-Za-z0-9._:-]{1,128}$/, 'must be 1 to 128 of A-Z a-z 0-9 . _ : -')),
        ]),
        LIMITS.maxTexts,
      ),
      'With format: ids of the records, one a text; default 0, 1, ...',
    ),
  ),
});

export const ScoreRequest = v.strictObject({
  sentence_pairs: v.optional(list(v.strictTuple([text, text]), LIMITS.maxPairs)),
  query: v.optional(text),
  passages: v.optional(
    described(list(v.union([text, storedPassage]), LIMITS.maxPairs), 'Texts, or what /encode has answered for them'),
  ),
  weights_for_different_modes: v.optional(modeWeights),
  max_query_length: v.optional(described(maxTokens, 'Tokens; default 512')),
  max_passage_length: v.optional(described(maxTokens, 'Tokens; default 512')),
  truncate: v.optional(v.boolean(), false),
});

export const fingerprint = described(
  v.string(),
  'Of the model, tokenizer and arithmetic: vectors of two must not be compared',
);
const lossy = v.optional(described(v.array(v.string()), "Fields by which something of the model's output is left out"));
const printedWeights = v.union([
  described(v.record(v.string(), v.number()), 'dict: token id to weight'),
  described(v.object({ indices: v.array(v.number()), values: v.array(v.number()) }), 'indices_values'),
  described(v.array(v.object({ index: v.number(), value: v.number() })), 'tei'),
  described(v.array(v.object({ token_id: v.number(), token: v.string(), weight: v.number() })), 'tokens'),
  described(v.string(), 'pgvector: a sparsevec, which counts from 1'),
]);

export const EncodeAnswer = v.strictObject({
  model: v.string(),
  fingerprint,
  lossy,
  dense_vecs: v.optional(v.array(printedVector)),
  lexical_weights: v.optional(v.array(printedWeights)),
  colbert_vecs: v.optional(v.array(v.array(printedVector))),
  rows: v.optional(described(v.array(v.record(v.string(), v.unknown())), 'With format')),
  usage: v.strictObject({ tokens: v.array(v.number()), truncated: v.array(v.boolean()) }),
});

/** A line of `accept: application/x-ndjson`. */
export const EncodeLine = v.strictObject({
  index: v.number(),
  dense_vecs: v.optional(printedVector),
  lexical_weights: v.optional(printedWeights),
  colbert_vecs: v.optional(v.array(printedVector)),
  tokens: v.number(),
  truncated: v.boolean(),
  lossy,
});

export const EstimateAnswer = v.strictObject({
  tokens: v.array(v.number()),
  passes: v.number(),
  cpu_ms: v.number(),
  fits: described(v.boolean(), 'Whether cpu_ms is within what a request may take'),
});

const scores = v.array(v.number());
export const ScoreAnswer = v.strictObject({
  dense: described(scores, 'Cosine'),
  sparse: described(scores, 'Sum over shared tokens of the product of their weights'),
  colbert: described(scores, 'Mean over query tokens of the best passage token'),
  'sparse+dense': scores,
  'colbert+sparse+dense': scores,
  model: v.string(),
  fingerprint,
  usage: v.strictObject({
    tokens: v.array(v.strictTuple([v.number(), v.number()])),
    truncated: v.array(v.boolean()),
  }),
});

export const NativeError = v.strictObject({
  error: v.strictObject({
    code: v.picklist(Object.keys(STATUS) as ErrorCode[]),
    message: v.string(),
    param: v.optional(v.string()),
    request_id: v.string(),
  }),
});

const native = { method: 'post', tag: 'native', role: 'read', errors: NativeError } as const;

export const encode = {
  ...native,
  paths: ['/encode'],
  summary: 'Dense, sparse and ColBERT embeddings of texts',
  request: EncodeRequest,
  answer: EncodeAnswer,
  streams: {
    'application/x-ndjson': 'A line a text, as soon as it is ready',
    'text/event-stream': 'Events tokens, layer, embedding, done and error',
  },
  examples: {
    'one text': { texts: 'What is BGE M3?' },
    'everything of two': {
      texts: ['What is BGE M3?', 'BM25 is a bag-of-words retrieval function.'],
      return_sparse: true,
      return_colbert_vecs: true,
      encoding_format: 'base64',
    },
    'the five heaviest tokens': {
      texts: ['What is BGE M3?'],
      return_dense: false,
      return_sparse: true,
      sparse_format: 'tokens',
      top_k: 5,
    },
    'points for Qdrant': { texts: ['BM25'], return_sparse: true, format: 'qdrant', ids: [7] },
  },
} as const satisfies Operation;

export const estimate = {
  ...native,
  paths: ['/estimate'],
  summary: 'What an /encode request would take',
  request: EstimateRequest,
  answer: EstimateAnswer,
  examples: { 'two texts': { texts: ['What is BGE M3?', 'BM25'] } },
} as const satisfies Operation;

export const score = {
  ...native,
  paths: ['/score'],
  summary: "FlagEmbedding's five scores of a query and passages, or of pairs",
  request: ScoreRequest,
  answer: ScoreAnswer,
  examples: {
    'a query and passages': {
      query: 'What is BGE M3?',
      passages: ['BGE M3 is an embedding model.', 'BM25 is a bag-of-words retrieval function.'],
    },
    'pairs, weighted': {
      sentence_pairs: [['What is BGE M3?', 'BGE M3 is an embedding model.']],
      weights_for_different_modes: [0.4, 0.2, 0.4],
    },
  },
} as const satisfies Operation;
