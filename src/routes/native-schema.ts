import * as v from 'valibot';
import { LIMITS } from '../limits.ts';
import { VISIBLE } from '../text-rules.ts';
import { VECTOR_ENCODINGS } from '../vector-json.ts';

/** The native requests; each schema is the one description of its fields. Messages follow the field's name. */

const wellFormed = v.check(
  (text: string) => text.isWellFormed(),
  'has half of a surrogate pair; send whole characters',
);

const text = v.pipe(
  v.string(),
  v.regex(VISIBLE, 'is empty or has nothing visible; leave it out'),
  v.maxLength(LIMITS.textUnits, `is longer than ${LIMITS.textUnits} UTF-16 units; cut it into parts`),
  wellFormed,
);

const list = <Item extends v.GenericSchema>(item: Item, maxItems: number) =>
  v.pipe(
    v.array(item),
    v.nonEmpty('is an empty list; send at least one'),
    v.maxLength(maxItems, `has more than ${maxItems} entries; send several requests`),
  );

/** `<s>`, `</s>` and one token between them is the least that says anything of a text. */
const maxTokens = v.pipe(
  v.number(),
  v.integer('must be a whole number'),
  v.minValue(3, 'must be at least 3: <s>, a token, </s>'),
  v.maxValue(LIMITS.maxTokens, `must be at most ${LIMITS.maxTokens}`),
);

/** What decides how much work an /encode request is. */
export const EstimateRequest = v.strictObject({
  texts: v.union([text, list(text, LIMITS.maxTexts)]),
  return_dense: v.optional(v.boolean(), true),
  return_sparse: v.optional(v.boolean(), false),
  return_colbert_vecs: v.optional(v.boolean(), false),
  max_length: v.optional(maxTokens),
  truncate: v.optional(v.boolean(), false),
  pooling: v.optional(v.picklist(['cls', 'mean']), 'cls'),
  instruction: v.optional(v.pipe(v.string(), v.maxLength(LIMITS.textUnits, 'is too long'), wellFormed)),
});

export const EncodeRequest = v.strictObject({
  ...EstimateRequest.entries,
  encoding_format: v.optional(v.picklist(VECTOR_ENCODINGS), 'float'),
});

/** Beyond this a weight only overflows: the scores are means, so the weights' ratio is what counts. */
const MAX_MODE_WEIGHT = 1e6;
const modeWeight = v.pipe(
  v.number(),
  v.minValue(0, 'must not be negative'),
  v.maxValue(MAX_MODE_WEIGHT, `must be at most ${MAX_MODE_WEIGHT}`),
);

export const ScoreRequest = v.strictObject({
  sentence_pairs: v.optional(list(v.strictTuple([text, text]), LIMITS.maxPairs)),
  query: v.optional(text),
  passages: v.optional(list(text, LIMITS.maxPairs)),
  weights_for_different_modes: v.optional(
    v.pipe(
      v.strictTuple([modeWeight, modeWeight, modeWeight]),
      v.check((weights) => weights.some((weight) => weight > 0), 'are all 0; one must be above'),
    ),
  ),
  max_query_length: v.optional(maxTokens),
  max_passage_length: v.optional(maxTokens),
  truncate: v.optional(v.boolean(), false),
});
