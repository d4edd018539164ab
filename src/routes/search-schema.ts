import * as v from 'valibot';
import { LIMITS } from '../limits.ts';
import { fingerprint, NativeError } from './native-schema.ts';
import type { Operation } from './operation.ts';
import { MODES } from './rerank-schema.ts';
import { described, maxTokens, modeWeights, plainString, text, wholeNumber } from './schema-parts.ts';

/** Search in the store of documents; docs/search.md describes it. */

type Mode = keyof typeof MODES;
const mode = v.picklist(Object.keys(MODES) as [Mode, ...Mode[]]);
const MAX_FILTER_FIELDS = 16;
const filter = v.pipe(
  v.record(plainString, v.union([plainString, v.number(), v.boolean(), v.null()])),
  v.maxEntries(MAX_FILTER_FIELDS, `has more than ${MAX_FILTER_FIELDS} fields`),
);

const SearchRequest = v.strictObject({
  query: text,
  limit: v.optional(described(wholeNumber(1, LIMITS.maxFound), 'Results at most'), 10),
  mode: v.optional(described(mode, 'Which of M3’s scores decides'), 'sparse+dense'),
  weights_for_different_modes: v.optional(modeWeights),
  candidates: v.optional(
    described(wholeNumber(1, LIMITS.maxCandidates), 'Documents whose vectors are read and scored, at least limit'),
    200,
  ),
  rescore: v.optional(
    described(wholeNumber(1, LIMITS.maxFound), 'With a ColBERT mode: documents that are scored by it, at least limit'),
    20,
  ),
  filter: v.optional(described(filter, 'Fields of metadata, and the values they must have')),
  return_text: v.optional(v.boolean(), false),
  max_query_length: v.optional(described(maxTokens, 'Tokens; default 512')),
  max_passage_length: v.optional(
    described(maxTokens, 'Tokens of a document that is embedded anew for ColBERT; default 512'),
  ),
  truncate: v.optional(described(v.boolean(), 'Cut a query that is too long; otherwise it is refused'), false),
});

const score = v.number();
const SearchAnswer = v.strictObject({
  results: v.array(
    v.strictObject({
      id: v.string(),
      score: described(score, 'The one that mode names'),
      dense: score,
      sparse: score,
      colbert: v.optional(score),
      'sparse+dense': score,
      'colbert+sparse+dense': v.optional(score),
      stale: v.optional(
        described(v.literal(true), 'Found by an earlier text: the present one is still to be embedded'),
      ),
      metadata: v.record(v.string(), v.unknown()),
      text: v.optional(v.string()),
    }),
  ),
  scored: described(v.number(), 'Documents whose vectors were read'),
  complete: described(v.boolean(), 'Whether these are all there are; otherwise a better one may have been passed over'),
  model: v.string(),
  fingerprint,
  usage: v.strictObject({
    query_tokens: v.number(),
    passage_tokens: described(v.number(), 'Of documents that were embedded anew'),
    truncated: described(v.boolean(), 'The query'),
  }),
});

export const search = {
  method: 'post',
  paths: ['/search'],
  tag: 'documents',
  summary: 'The stored documents that answer a query best',
  role: 'read',
  request: SearchRequest,
  answer: SearchAnswer,
  errors: NativeError,
  examples: {
    'by words and meaning': { query: 'What is BGE M3?', limit: 3, return_text: true },
    'all three scores, weighted': {
      query: 'What is BGE M3?',
      mode: 'colbert+sparse+dense',
      weights_for_different_modes: [0.4, 0.2, 0.4],
    },
    'of one topic': { query: 'embedding', filter: { topic: 'models' } },
  },
} as const satisfies Operation;
