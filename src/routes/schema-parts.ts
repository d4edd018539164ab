import * as v from 'valibot';
import { LIMITS } from '../limits.ts';
import { VISIBLE } from '../text-rules.ts';

/** What the requests of several dialects are made of. Messages follow the field's name. */

/** Half of a surrogate pair is no character, and would be replaced on its way into a log or a store. */
const wellFormed = v.check(
  (text: string) => text.isWellFormed(),
  'has half of a surrogate pair; send whole characters',
);

/** A text that is embedded. */
export const text = v.pipe(
  v.string(),
  v.regex(VISIBLE, 'is empty or has nothing visible; leave it out'),
  v.maxLength(LIMITS.textUnits, `is longer than ${LIMITS.textUnits} UTF-16 units; cut it into parts`),
  wellFormed,
);

/** A text beside those that are embedded. */
export const plainString = v.pipe(v.string(), v.maxLength(LIMITS.textUnits, 'is too long'), wellFormed);

export const list = <Item extends v.GenericSchema>(item: Item, maxItems: number) =>
  v.pipe(
    v.array(item),
    v.nonEmpty('is an empty list; send at least one'),
    v.maxLength(maxItems, `has more than ${maxItems} entries; send several requests`),
  );

export const wholeNumber = (least: number, most: number = Number.MAX_SAFE_INTEGER) =>
  v.pipe(
    v.number(),
    v.safeInteger('must be a whole number'),
    v.minValue(least, `must be at least ${least}`),
    v.maxValue(most, `must be at most ${most}`),
  );

/** `<s>`, `</s>` and one token between them is the least that says anything of a text. */
export const maxTokens = v.pipe(
  v.number(),
  v.integer('must be a whole number'),
  v.minValue(3, 'must be at least 3: <s>, a token, </s>'),
  v.maxValue(LIMITS.maxTokens, `must be at most ${LIMITS.maxTokens}`),
);

/** Token ids of one text. */
export const tokenIds = list(wholeNumber(0, 0xffff_ffff), LIMITS.maxTokens);

/** Beyond this a weight only overflows: the scores are means, so the weights' ratio is what counts. */
const MAX_MODE_WEIGHT = 1e6;
const modeWeight = v.pipe(
  v.number(),
  v.minValue(0, 'must not be negative'),
  v.maxValue(MAX_MODE_WEIGHT, `must be at most ${MAX_MODE_WEIGHT}`),
);
export const modeWeights = v.pipe(
  v.strictTuple([modeWeight, modeWeight, modeWeight]),
  v.check((weights) => weights.some((weight) => weight > 0), 'are all 0; one must be above'),
  v.description('Weights of dense, sparse and ColBERT in the combined scores'),
);

/** A field with what /openapi.json says of it. */
export const described = <Schema extends v.GenericSchema>(schema: Schema, description: string) =>
  v.pipe(schema, v.description(description));

/** A vector in the answer, by `encoding_format`. */
export const printedVector = v.union([
  described(v.array(v.number()), 'float: the shortest decimals that read back as the same float32'),
  described(v.string(), 'base64 of little-endian float32; or binary: of the sign bits'),
  described(v.object({ scale: v.number(), data: v.string() }), 'int8: value = scale * int8, in base64'),
]);
export type PrintedVector = v.InferOutput<typeof printedVector>;
