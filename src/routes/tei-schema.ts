import * as v from 'valibot';
import { LIMITS } from '../limits.ts';
import type { Operation } from './operation.ts';
import { described, list, text, tokenIds, wholeNumber } from './schema-parts.ts';

/** @see huggingface/text-embeddings-inference router/src/http/types.rs */

const inputs = described(
  v.union([text, tokenIds, list(v.union([text, tokenIds]), LIMITS.maxTexts)]),
  "One text, or a list; texts may be lists of this model's token ids",
);
const orNull = <Schema extends v.GenericSchema>(schema: Schema) => v.optional(v.nullable(schema));

const truncation = {
  truncate: described(orNull(v.boolean()), 'Cut what is too long, as by default; false refuses it'),
  truncation_direction: v.optional(
    described(v.picklist(['Left', 'Right', 'left', 'right']), 'Where tokens are lost'),
    'Right',
  ),
};
const promptName = described(
  v.optional(
    v.nullable(
      v.pipe(
        v.string(),
        v.check(() => false, 'names no prompt: M3 has none; leave it out'),
      ),
    ),
  ),
  'M3 has no prompts',
);
const common = { inputs, ...truncation, prompt_name: promptName };

export const EmbedRequest = v.strictObject({
  ...common,
  normalize: v.optional(v.boolean(), true),
  dimensions: described(orNull(wholeNumber(1)), 'Floats kept, then normalised. M3 is not trained for it'),
});
export const EmbedAllRequest = v.strictObject(common);
export const EmbedSparseRequest = v.strictObject(common);

export const SimilarityRequest = v.strictObject({
  inputs: v.strictObject({ source_sentence: text, sentences: list(text, LIMITS.maxTexts - 1) }),
  parameters: orNull(v.strictObject({ ...truncation, prompt_name: promptName })),
});

export const TokenizeRequest = v.strictObject({
  inputs: v.union([text, list(text, LIMITS.maxTexts)]),
  add_special_tokens: v.optional(v.boolean(), true),
  prompt_name: promptName,
});

export const DecodeRequest = v.strictObject({
  ids: v.union([tokenIds, list(tokenIds, LIMITS.maxTexts)]),
  skip_special_tokens: v.optional(v.boolean(), true),
});

const vectors = v.array(v.array(v.number()));

export const TeiError = v.strictObject({
  error: v.string(),
  error_type: v.picklist(['Unhealthy', 'Backend', 'Overloaded', 'Validation', 'Tokenizer', 'Empty']),
});

const tei = { method: 'post', tag: 'TEI', role: 'read', errors: TeiError } as const;
const example = { inputs: ['What is BGE M3?', 'BM25'] };

export const embed = {
  ...tei,
  paths: ['/embed', '/', '/invocations'], // an inference endpoint's, SageMaker's
  summary: 'Dense embeddings',
  request: EmbedRequest,
  answer: vectors,
  examples: { 'two texts': example, 'one, cut': { inputs: 'BM25', dimensions: 32, normalize: true, truncate: true } },
} as const satisfies Operation;

export const embedAll = {
  ...tei,
  paths: ['/embed_all'],
  summary: 'The last hidden state of every token, not normalised',
  request: EmbedAllRequest,
  answer: v.array(vectors),
  examples: { 'one text': { inputs: 'BM25' } },
} as const satisfies Operation;

export const embedSparse = {
  ...tei,
  paths: ['/embed_sparse'],
  summary: 'Lexical weights',
  request: EmbedSparseRequest,
  answer: v.array(v.array(v.strictObject({ index: v.number(), value: v.number() }))),
  examples: { 'two texts': example },
} as const satisfies Operation;

export const similarity = {
  ...tei,
  paths: ['/similarity'],
  summary: 'Cosine of a sentence and others',
  request: SimilarityRequest,
  answer: v.array(v.number()),
  examples: {
    'two sentences': { inputs: { source_sentence: 'What is BGE M3?', sentences: ['BM25', 'What is BGE M3?'] } },
  },
} as const satisfies Operation;

export const tokenize = {
  ...tei,
  paths: ['/tokenize'],
  summary: 'Tokens, and the bytes of UTF-8 that they come from',
  request: TokenizeRequest,
  answer: v.array(
    v.array(
      v.strictObject({
        id: v.number(),
        text: v.string(),
        special: v.boolean(),
        start: v.nullable(v.number()),
        stop: v.nullable(v.number()),
      }),
    ),
  ),
  examples: { 'one text': { inputs: 'What is BGE M3?' } },
} as const satisfies Operation;

export const decode = {
  ...tei,
  paths: ['/decode'],
  summary: 'The text of token ids',
  request: DecodeRequest,
  answer: v.array(v.string()),
  examples: { 'one text': { ids: [0, 10, 206, 2] }, 'two texts': { ids: [[10], [206]], skip_special_tokens: false } },
} as const satisfies Operation;
