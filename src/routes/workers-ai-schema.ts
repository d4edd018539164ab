import * as v from 'valibot';
import { LIMITS } from '../limits.ts';
import type { Operation } from './operation.ts';
import { described, list, text } from './schema-parts.ts';

/** The one model of Workers AI that this answers for. */
export const AI_MODEL = '@cf/baai/bge-m3';

/** @see cloudflare/workerd types/defines/ai.d.ts, Ai_Cf_Baai_Bge_M3_Input */

const truncate_inputs = v.optional(described(v.boolean(), 'Cut what is too long; otherwise it is refused'), false);
const contexts = list(v.strictObject({ text }), LIMITS.maxAiTexts);

export const AiTexts = v.strictObject({ text: v.union([text, list(text, LIMITS.maxAiTexts)]), truncate_inputs });
export const AiQuery = v.strictObject({ query: text, contexts, truncate_inputs });
export const AiContexts = v.strictObject({ contexts, truncate_inputs });

const shape = v.strictTuple([v.number(), v.number()]);
const vectors = v.array(v.array(v.number()));
export const AiAnswer = v.union([
  v.strictObject({ shape, data: vectors, pooling: v.literal('cls') }),
  v.strictObject({
    response: described(v.array(v.strictObject({ id: v.number(), score: v.number() })), 'In the order of contexts'),
  }),
  v.strictObject({ response: vectors, shape, pooling: v.literal('cls') }),
]);
export type AiAnswer = v.InferOutput<typeof AiAnswer>;

const messages = v.array(v.unknown());
const success = <Value extends boolean>(value: Value) => v.literal(value);

export const runAi = {
  method: 'post',
  paths: [`/ai/run/${AI_MODEL}`],
  tag: 'Workers AI',
  summary: 'Embeddings of texts, or scores of a query and contexts',
  role: 'read',
  request: v.union([AiTexts, AiQuery, AiContexts]),
  answer: v.strictObject({ result: AiAnswer, success: success(true), errors: messages, messages }),
  errors: v.strictObject({
    result: v.null(),
    success: success(false),
    errors: v.array(v.strictObject({ code: v.number(), message: v.string() })),
    messages,
  }),
  examples: {
    texts: { text: ['What is BGE M3?', 'BM25'] },
    'a query': { query: 'What is BGE M3?', contexts: [{ text: 'BM25' }, { text: 'BGE M3 is an embedding model.' }] },
    contexts: { contexts: [{ text: 'BM25' }], truncate_inputs: true },
  },
} as const satisfies Operation;
