import { closeSync, openSync, renameSync, writeSync } from 'node:fs';
import { ARCHITECTURE } from '../model.ts';

/** Types of a value in GGUF's metadata. */
const VALUE = { u32: 4, i32: 5, f32: 6, bool: 7, text: 8, array: 9 } as const;
const F32 = 0;
const Q8_0 = 8;
const ALIGNMENT = 32;
/** Values that share a scale in Q8_0, and the bytes that they take: the scale as float16, then an int8 each. */
const BLOCK = 32;
const BLOCK_BYTES = 34;
/** Pieces of the tokenizer; token ids are given, so a few will do. */
const VOCABULARY = 1000;

type Part = Buffer;
const u32 = (value: number): Part => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number): Part => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const f32 = (value: number): Part => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
};
const text = (value: string): Part => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
const array = (type: number, items: readonly Part[]): Part => Buffer.concat([u32(type), u64(items.length), ...items]);

interface TensorSpec {
  readonly name: string;
  readonly type: typeof F32 | typeof Q8_0;
  /** Innermost first. */
  readonly shape: readonly number[];
}

/**
 * BGE-M3's encoder in Q8_0 with random weights, as llama.cpp's converter writes XLM-R: architecture `bert`, tokenizer `t5`.
 *
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export function writeGguf(path: string): void {
  const metadata = metadataParts();
  const tensors = tensorSpecs();
  let offset = 0;
  const infos = tensors.map(({ name, type, shape }) => {
    const info = [text(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset)];
    offset += aligned(byteLength(type, shape));
    return Buffer.concat(info);
  });
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(tensors.length),
    u64(metadata.length),
    ...metadata,
    ...infos,
  ]);
  const part = `${path}.part`;
  const file = openSync(part, 'w');
  try {
    writeSync(file, Buffer.concat([head, Buffer.alloc(aligned(head.length) - head.length)]));
    for (const tensor of tensors) writeSync(file, tensorBytes(tensor));
  } finally {
    closeSync(file);
  }
  renameSync(part, path);
}

const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
const countOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
const byteLength = (type: number, shape: readonly number[]) =>
  type === F32 ? 4 * countOf(shape) : (countOf(shape) / BLOCK) * BLOCK_BYTES;

function metadataParts(): Part[] {
  const { layerCount, hiddenSize, intermediateSize, headCount, layerNormEpsilon, maxTokens } = ARCHITECTURE;
  const entry = (key: string, type: number, value: Part) => Buffer.concat([text(key), u32(type), value]);
  const number = (key: string, value: number) => entry(key, VALUE.u32, u32(value));
  const flag = (key: string, value: boolean) => entry(key, VALUE.bool, Buffer.of(Number(value)));
  const pieces = Array.from(
    { length: VOCABULARY },
    (_, id) => ['<s>', '<pad>', '</s>', '<unk>', '▁'][id] ?? `▁piece${id}`,
  );
  return [
    entry('general.architecture', VALUE.text, text('bert')),
    entry('general.name', VALUE.text, text('synthetic')),
    number('bert.block_count', layerCount),
    number('bert.context_length', maxTokens),
    number('bert.embedding_length', hiddenSize),
    number('bert.feed_forward_length', intermediateSize),
    number('bert.attention.head_count', headCount),
    entry('bert.attention.layer_norm_epsilon', VALUE.f32, f32(layerNormEpsilon)),
    flag('bert.attention.causal', false),
    number('bert.pooling_type', 2), // the CLS position
    entry('tokenizer.ggml.model', VALUE.text, text('t5')),
    entry('tokenizer.ggml.tokens', VALUE.array, array(VALUE.text, pieces.map(text))),
    entry(
      'tokenizer.ggml.scores',
      VALUE.array,
      array(
        VALUE.f32,
        pieces.map((_, id) => f32(-id)),
      ),
    ),
    entry(
      'tokenizer.ggml.token_type',
      VALUE.array,
      array(
        VALUE.i32,
        pieces.map((_, id) => u32(id < 4 ? 3 : 1)),
      ),
    ),
    number('tokenizer.ggml.token_type_count', 1),
    number('tokenizer.ggml.bos_token_id', 0),
    number('tokenizer.ggml.padding_token_id', 1),
    number('tokenizer.ggml.eos_token_id', 2),
    number('tokenizer.ggml.unknown_token_id', 3),
    flag('tokenizer.ggml.add_space_prefix', true),
  ];
}

function tensorSpecs(): TensorSpec[] {
  const { layerCount, hiddenSize: h, intermediateSize: i, maxTokens } = ARCHITECTURE;
  const matrix = (name: string, k: number, n: number): TensorSpec[] => [
    { name: `${name}.weight`, type: Q8_0, shape: [k, n] },
    { name: `${name}.bias`, type: F32, shape: [n] },
  ];
  const norm = (name: string): TensorSpec[] => [
    { name: `${name}.weight`, type: F32, shape: [h] },
    { name: `${name}.bias`, type: F32, shape: [h] },
  ];
  const layer = (name: string): TensorSpec[] => [
    ...matrix(`${name}.attn_q`, h, h),
    ...matrix(`${name}.attn_k`, h, h),
    ...matrix(`${name}.attn_v`, h, h),
    ...matrix(`${name}.attn_output`, h, h),
    ...norm(`${name}.attn_output_norm`),
    ...matrix(`${name}.ffn_up`, h, i),
    ...matrix(`${name}.ffn_down`, i, h),
    ...norm(`${name}.layer_output_norm`),
  ];
  return [
    { name: 'token_embd.weight', type: Q8_0, shape: [h, VOCABULARY] },
    { name: 'position_embd.weight', type: F32, shape: [h, maxTokens] },
    { name: 'token_types.weight', type: F32, shape: [h] },
    ...norm('token_embd_norm'),
    ...Array.from({ length: layerCount }, (_, index) => layer(`blk.${index}`)).flat(),
  ];
}

function tensorBytes({ name, type, shape }: TensorSpec): Buffer {
  const bytes = Buffer.alloc(aligned(byteLength(type, shape)));
  if (type === F32) {
    const isNormWeight = name.endsWith('norm.weight');
    for (let i = 0; i < countOf(shape); i++) bytes.writeFloatLE(isNormWeight ? 1 : 0.01 * Math.sin(i), 4 * i);
    return bytes;
  }
  // Values within ±127 times 2^-12: about 1 / sqrt(1024) of standard deviation, as float16 bits.
  const scale = (15 - 12) << 10;
  for (let at = 0; at < byteLength(type, shape); at += BLOCK_BYTES) {
    bytes.writeUInt16LE(scale, at);
    for (let i = 2; i < BLOCK_BYTES; i++) bytes[at + i] = Math.random() * 255 - 127;
  }
  return bytes;
}
