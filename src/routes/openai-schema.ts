import * as v from 'valibot';
import { LIMITS } from '../limits.ts';
import { SPARSE_FORMATS } from '../sparse-json.ts';
import type { Operation } from './operation.ts';
import { described, list, plainString, printedVector, text, tokenIds, wholeNumber } from './schema-parts.ts';

/** @see openai/openai-openapi openapi.yaml, CreateEmbeddingRequest and -Response */
export const EmbeddingsRequest = v.strictObject({
  model: described(v.string(), 'The name in GET /v1/models, or that of the model it was made from'),
  input: described(
    v.union([text, list(text, LIMITS.maxInputs), tokenIds, list(tokenIds, LIMITS.maxInputs)]),
    'One text, or a list; token ids only with the header x-input-tokens',
  ),
  encoding_format: v.optional(
    described(
      v.picklist(['float', 'base64']),
      'base64: little-endian float32, which the openai SDK asks for by itself',
    ),
    'float',
  ),
  dimensions: v.optional(described(wholeNumber(1), 'Floats kept, made a unit vector again. M3 is not trained for it')),
  user: v.optional(described(plainString, 'Not used')),
  return_sparse: v.optional(described(v.boolean(), 'Ours: adds sparse_embedding'), false),
  sparse_format: v.optional(described(v.picklist(SPARSE_FORMATS), 'Ours: of sparse_embedding'), 'dict'),
  return_colbert: v.optional(described(v.boolean(), 'Ours: adds colbert_embedding, rows in encoding_format'), false),
});

export const EmbeddingsAnswer = v.strictObject({
  object: v.literal('list'),
  model: v.string(),
  data: v.array(
    v.strictObject({
      object: v.literal('embedding'),
      index: v.number(),
      embedding: v.union([v.array(v.number()), v.string()]),
      sparse_embedding: v.optional(v.unknown()),
      colbert_embedding: v.optional(v.array(printedVector)),
    }),
  ),
  usage: v.strictObject({ prompt_tokens: v.number(), total_tokens: v.number() }),
});

export const ModelsAnswer = v.strictObject({
  object: v.literal('list'),
  data: v.array(
    v.strictObject({ id: v.string(), object: v.literal('model'), created: v.number(), owned_by: v.string() }),
  ),
});

export const OpenAiError = v.strictObject({
  error: v.strictObject({
    message: v.string(),
    type: v.string(),
    param: v.nullable(v.string()),
    code: v.nullable(v.string()),
  }),
});

export const embeddings = {
  method: 'post',
  paths: ['/v1/embeddings', '/embeddings'],
  tag: 'OpenAI',
  summary: 'Dense embeddings, as OpenAI answers',
  role: 'read',
  request: EmbeddingsRequest,
  headers: { 'x-input-tokens': 'xlmr: inputs that are lists of numbers are token ids of this model' },
  answer: EmbeddingsAnswer,
  errors: OpenAiError,
  examples: {
    'one text': { model: 'bge-m3', input: 'What is BGE M3?' },
    'as the openai SDK asks': { model: 'bge-m3', input: ['What is BGE M3?', 'BM25'], encoding_format: 'base64' },
    'with lexical weights': { model: 'bge-m3', input: 'BM25', return_sparse: true, sparse_format: 'tokens' },
  },
} as const satisfies Operation;

export const models = {
  method: 'get',
  paths: ['/v1/models', '/models'],
  tag: 'OpenAI',
  summary: 'The model that is served',
  role: 'read',
  answer: ModelsAnswer,
  errors: OpenAiError,
} as const satisfies Operation;
