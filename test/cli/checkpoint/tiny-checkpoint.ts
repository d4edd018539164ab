import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededGaussian } from '../../random.ts';
import { type PickledTensor, safetensorsFile, torchFile, torchPickle } from './builders.ts';

/** An encoder of one layer that is small enough to be converted thousands of times. */
export const TINY_CONFIG = {
  model_type: 'xlm-roberta',
  hidden_act: 'gelu',
  position_embedding_type: 'absolute',
  vocab_size: 16,
  hidden_size: 64,
  intermediate_size: 64,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  max_position_embeddings: 12,
  pad_token_id: 1,
  type_vocab_size: 1,
  layer_norm_eps: 1e-5,
};

const H = 64;
const SHAPES: readonly (readonly [string, readonly number[]])[] = [
  ['embeddings.word_embeddings.weight', [16, H]],
  ['embeddings.position_embeddings.weight', [12, H]],
  ['embeddings.token_type_embeddings.weight', [1, H]],
  ['embeddings.LayerNorm.weight', [H]],
  ['embeddings.LayerNorm.bias', [H]],
  ...[
    'attention.self.query',
    'attention.self.key',
    'attention.self.value',
    'attention.output.dense',
    'intermediate.dense',
    'output.dense',
  ].flatMap((part): [string, number[]][] => [
    [`encoder.layer.0.${part}.weight`, [H, H]],
    [`encoder.layer.0.${part}.bias`, [H]],
  ]),
  ...['attention.output.LayerNorm', 'output.LayerNorm'].flatMap((part): [string, number[]][] => [
    [`encoder.layer.0.${part}.weight`, [H]],
    [`encoder.layer.0.${part}.bias`, [H]],
  ]),
];

export interface TinyTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Seeded weights under Hugging Face's names. */
export function tinyTensors(): TinyTensor[] {
  const gaussian = seededGaussian(3);
  return SHAPES.map(([name, shape]) => ({
    name,
    shape,
    values: new Float32Array(shape.reduce((a, b) => a * b, 1)).map(() => 0.1 * gaussian()),
  }));
}

export function tinySafetensors(tensors: readonly TinyTensor[] = tinyTensors()): Uint8Array {
  const header: Record<string, object> = {};
  let at = 0;
  for (const { name, shape, values } of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + values.byteLength] };
    at += values.byteLength;
  }
  return safetensorsFile(header, Buffer.concat(tensors.map(({ values }) => new Uint8Array(values.buffer))));
}

export function tinyTorchZip(tensors: readonly TinyTensor[] = tinyTensors()): Uint8Array {
  const pickled = tensors.map(({ name, shape }, i): PickledTensor => ({ name, shape, key: String(i) }));
  return torchFile(
    torchPickle(pickled),
    tensors.map(({ values }) => new Uint8Array(values.buffer)),
  );
}

/** The files of a whole checkpoint; `changes` adds, replaces or, where a value is undefined, removes some. */
export function tinyCheckpoint(
  changes: Readonly<Record<string, Uint8Array | string | undefined>> = {},
): Map<string, Uint8Array | string> {
  const gaussian = seededGaussian(4);
  const head = (rows: number) =>
    tinyTorchZip([
      { name: 'weight', shape: [rows, H], values: new Float32Array(rows * H).map(gaussian) },
      { name: 'bias', shape: [rows], values: new Float32Array(rows).map(gaussian) },
    ]);
  const files: Record<string, Uint8Array | string | undefined> = {
    'config.json': JSON.stringify(TINY_CONFIG),
    'model.safetensors': tinySafetensors(),
    'sparse_linear.pt': head(1),
    'colbert_linear.pt': head(H),
    'tokenizer.json': '{}',
    ...changes,
  };
  return new Map(
    Object.entries(files).filter((entry): entry is [string, Uint8Array | string] => entry[1] !== undefined),
  );
}

/** Writes `tinyCheckpoint(changes)` into a new directory and returns it. */
export function writeTinyCheckpoint(directory: string, changes?: Parameters<typeof tinyCheckpoint>[0]): string {
  mkdirSync(directory, { recursive: true });
  for (const [name, bytes] of tinyCheckpoint(changes)) writeFileSync(join(directory, name), bytes);
  return directory;
}
