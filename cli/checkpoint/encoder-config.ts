import type { Architecture } from '../../src/format/architecture.ts';
import { PANEL_COLUMNS } from '../../src/format/layout.ts';
import { LIMITS } from '../../src/limits.ts';
import { UserError } from '../user-error.ts';
import { isJsonObject, type Json, type JsonObject } from './strict-json.ts';

/** What `config.json` says of the encoder; `colbertSize` comes from the ColBERT head's own file. */
export type EncoderConfig = Omit<Architecture, 'colbertSize'> & {
  /** Rows of `token_type_embeddings`, of which only row 0 is used. */
  readonly tokenTypeCount: number;
  /** Put before tensor names by models saved inside another one. */
  readonly prefix: string;
  /** The Hub's `org/name`, where the config remembers it. */
  readonly upstream: string | undefined;
};

/** Model types whose encoder is the post-LayerNorm one built here. */
const MODEL_TYPES: Readonly<Record<string, { readonly prefix: string; readonly offsetAfterPadding: boolean }>> = {
  'xlm-roberta': { prefix: 'roberta.', offsetAfterPadding: true },
  roberta: { prefix: 'roberta.', offsetAfterPadding: true },
  bert: { prefix: 'bert.', offsetAfterPadding: false },
};

/** The published model's dimensions: a directory that claims to be it and differs is another model, or a damaged one. */
const PUBLISHED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'BAAI/bge-m3': {
    vocab_size: 250002,
    hidden_size: 1024,
    intermediate_size: 4096,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    max_position_embeddings: 8194,
  },
};

/**
 * Reads a Hugging Face `config.json` and refuses, by the field's name, every encoder that the kernels would compute wrongly.
 *
 * @param upstream Where the user says the checkpoint is from; the published models' dimensions are then demanded.
 * @throws UserError naming the field, what it says and what is supported.
 */
export function parseEncoderConfig(json: Json, upstream?: string): EncoderConfig {
  if (!isJsonObject(json)) throw new UserError('config.json: not an object');
  const refuse = (field: string, wanted: string): never => {
    throw new UserError(
      `config.json: ${field} is ${JSON.stringify(json[field])?.slice(0, 80) ?? 'missing'}, wanted ${wanted}`,
    );
  };
  const count = (field: string, minimum: number, maximum: number, divisor = 1): number => {
    const value = json[field];
    if (
      Number.isSafeInteger(value) &&
      (value as number) >= minimum &&
      (value as number) <= maximum &&
      (value as number) % divisor === 0
    ) {
      return value as number;
    }
    return refuse(
      field,
      `a whole number from ${minimum} to ${maximum}${divisor > 1 ? ` that ${divisor} divides` : ''}`,
    );
  };
  /** Fields whose absence means the supported value. */
  const only = (field: string, supported: Json) => {
    if (json[field] !== undefined && json[field] !== null && json[field] !== supported)
      refuse(field, JSON.stringify(supported));
  };

  const type =
    typeof json.model_type === 'string' && Object.hasOwn(MODEL_TYPES, json.model_type)
      ? MODEL_TYPES[json.model_type]
      : undefined;
  if (type === undefined) return refuse('model_type', `one of ${Object.keys(MODEL_TYPES).join(', ')}`);
  if (json.hidden_act !== 'gelu') refuse('hidden_act', '"gelu" (the exact one, with erf)');
  only('position_embedding_type', 'absolute');
  only('is_decoder', false);
  only('add_cross_attention', false);
  only('embedding_size', json.hidden_size ?? null);

  const hiddenSize = count('hidden_size', 64, 8192, 64);
  const headCount = count('num_attention_heads', 1, hiddenSize / 16);
  if (hiddenSize % (headCount * 16) !== 0)
    refuse('num_attention_heads', `a number of heads whose size, ${hiddenSize} / heads, 16 divides`);
  const epsilon = json.layer_norm_eps;
  if (typeof epsilon !== 'number' || !(epsilon > 0 && epsilon <= 0.01))
    return refuse('layer_norm_eps', 'a number above 0 and at most 0.01');
  const positionOffset = type.offsetAfterPadding ? count('pad_token_id', 0, 1000) + 1 : 0;
  const positionCount = count('max_position_embeddings', positionOffset + 3, 1 << 20);
  const config: EncoderConfig = {
    vocabularySize: count('vocab_size', 8, 1 << 22),
    hiddenSize,
    intermediateSize: count('intermediate_size', 64, 65536, 64),
    layerCount: count('num_hidden_layers', 1, 99),
    headCount,
    positionCount,
    positionOffset,
    maxTokens: Math.min(positionCount - positionOffset, LIMITS.maxTokens),
    layerNormEpsilon: epsilon,
    tokenTypeCount: json.type_vocab_size === undefined ? 1 : count('type_vocab_size', 1, 1024),
    prefix: type.prefix,
    upstream: upstream ?? originOf(json),
  };
  for (const [field, value] of Object.entries(PUBLISHED[config.upstream ?? ''] ?? {})) {
    if (json[field] !== value)
      refuse(field, `${value} as in ${config.upstream}; is this another model? Name it with --upstream`);
  }
  return config;
}

/** `_name_or_path` when it is a Hub name; a path of the machine it was saved on stays out of the manifest. */
function originOf(json: JsonObject): string | undefined {
  const origin = json._name_or_path;
  return typeof origin === 'string' && /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/.test(origin)
    ? origin
    : undefined;
}

/** @throws UserError unless the kernels' panels divide the ColBERT head's output. */
export function withColbertSize(config: EncoderConfig, colbertSize: number): Architecture {
  if (colbertSize < PANEL_COLUMNS || colbertSize % PANEL_COLUMNS !== 0) {
    throw new UserError(`colbert_linear.pt: weight has ${colbertSize} rows, wanted a multiple of ${PANEL_COLUMNS}`);
  }
  const {
    vocabularySize,
    hiddenSize,
    intermediateSize,
    layerCount,
    headCount,
    positionCount,
    positionOffset,
    maxTokens,
    layerNormEpsilon,
  } = config;
  return {
    vocabularySize,
    hiddenSize,
    intermediateSize,
    layerCount,
    headCount,
    positionCount,
    positionOffset,
    maxTokens,
    layerNormEpsilon,
    colbertSize,
  };
}
