import { describe, expect, it } from 'vitest';
import { parseEncoderConfig, withColbertSize } from '../../../cli/checkpoint/encoder-config.ts';
import type { Json } from '../../../cli/checkpoint/strict-json.ts';
import { UserError } from '../../../cli/user-error.ts';
import { TINY_CONFIG } from './tiny-checkpoint.ts';

/** config.json of BAAI/bge-m3, as far as it is read. */
const BGE_M3 = {
  ...TINY_CONFIG,
  vocab_size: 250002,
  hidden_size: 1024,
  intermediate_size: 4096,
  num_hidden_layers: 24,
  num_attention_heads: 16,
  max_position_embeddings: 8194,
};

describe('parseEncoderConfig', () => {
  it("reads BGE-M3's", () => {
    const config = parseEncoderConfig(BGE_M3, 'BAAI/bge-m3');
    expect(withColbertSize(config, 1024)).toEqual({
      vocabularySize: 250002,
      hiddenSize: 1024,
      intermediateSize: 4096,
      layerCount: 24,
      headCount: 16,
      positionCount: 8194,
      positionOffset: 2,
      maxTokens: 8192,
      layerNormEpsilon: 1e-5,
      colbertSize: 1024,
    });
  });

  it('lets BERT count its positions from 0', () => {
    const config = parseEncoderConfig({ ...TINY_CONFIG, model_type: 'bert', type_vocab_size: 2 });
    expect(config).toMatchObject({ positionOffset: 0, maxTokens: 12, tokenTypeCount: 2 });
  });

  it.each([
    ['BAAI/bge-m3-retromae', 'BAAI/bge-m3-retromae'],
    ['', undefined],
    ['/home/me/models/bge-m3', undefined],
    ['./models/bge-m3', undefined],
    ['../bge-m3', undefined],
    ['a/b/c', undefined],
    ['C:\\models\\m3', undefined],
    [7, undefined],
  ])('takes the upstream from _name_or_path only when it is a Hub name: %s', (origin, upstream) => {
    expect(parseEncoderConfig({ ...TINY_CONFIG, _name_or_path: origin }).upstream).toBe(upstream);
  });

  // By the field that differs.
  const refused: readonly (readonly [string, Record<string, Json>, RegExp])[] = [
    ['another kind of model', { model_type: 't5' }, /model_type is "t5", wanted one of xlm-roberta, roberta, bert/],
    ['a model type of the prototype', { model_type: 'constructor' }, /model_type/],
    ['the approximate GELU', { hidden_act: 'gelu_new' }, /hidden_act is "gelu_new", wanted "gelu"/],
    ['relative positions', { position_embedding_type: 'relative_key' }, /position_embedding_type is "relative_key"/],
    ['a decoder', { is_decoder: true }, /is_decoder is true, wanted false/],
    ['cross attention', { add_cross_attention: true }, /add_cross_attention/],
    ['a factored word table', { embedding_size: 32 }, /embedding_size is 32, wanted 64/],
    ['a hidden size of no panel', { hidden_size: 96 }, /hidden_size is 96, wanted .* that 64 divides/],
    ['an intermediate size of no panel', { intermediate_size: 100 }, /intermediate_size is 100/],
    ['heads of 8 features', { num_attention_heads: 8 }, /num_attention_heads is 8, wanted .* from 1 to 4/],
    ['heads that do not divide', { num_attention_heads: 3 }, /num_attention_heads is 3/],
    ['no layers', { num_hidden_layers: 0 }, /num_hidden_layers is 0/],
    ['a thousand layers', { num_hidden_layers: 1000 }, /num_hidden_layers is 1000, wanted a whole number from 1 to 99/],
    ['a vocabulary of 2^53', { vocab_size: 2 ** 53 }, /vocab_size/],
    ['a vocabulary that is a string', { vocab_size: '16' }, /vocab_size is "16"/],
    [
      'positions that padding uses up',
      { pad_token_id: 10 },
      /max_position_embeddings is 12, wanted a whole number from 14/,
    ],
    ['no padding id', { pad_token_id: null }, /pad_token_id is null/],
    ['no epsilon', { layer_norm_eps: 0 }, /layer_norm_eps is 0/],
  ];
  it.each(refused)('F63: refuses %s', (_, fields, reason) => {
    expect(() => parseEncoderConfig({ ...TINY_CONFIG, ...fields })).toThrow(UserError);
    expect(() => parseEncoderConfig({ ...TINY_CONFIG, ...fields })).toThrow(reason);
  });

  it('F63: refuses 768 features or 12 layers that claim to be BGE-M3', () => {
    expect(() => parseEncoderConfig({ ...BGE_M3, hidden_size: 768 }, 'BAAI/bge-m3')).toThrow(
      /hidden_size is 768, wanted 1024 as in BAAI\/bge-m3/,
    );
    expect(() => parseEncoderConfig({ ...BGE_M3, _name_or_path: 'BAAI/bge-m3', num_hidden_layers: 12 })).toThrow(
      /num_hidden_layers is 12, wanted 24/,
    );
  });

  it('refuses a ColBERT head whose panels are not whole', () => {
    expect(() => withColbertSize(parseEncoderConfig(TINY_CONFIG), 100)).toThrow(
      /colbert_linear\.pt: weight has 100 rows/,
    );
  });
});
