import { describe, expect, it } from 'vitest';
import { memoryByteSource } from '../../../cli/checkpoint/byte-source.ts';
import type { Checkpoint } from '../../../cli/checkpoint/checkpoint.ts';
import { parseEncoderConfig } from '../../../cli/checkpoint/encoder-config.ts';
import { encoderTensors } from '../../../cli/checkpoint/encoder-tensors.ts';
import { openSafetensors } from '../../../cli/checkpoint/safetensors.ts';
import { openSharded } from '../../../cli/checkpoint/sharded.ts';
import { openTorchZip } from '../../../cli/checkpoint/torch-zip.ts';
import { TINY_CONFIG, type TinyTensor, tinySafetensors, tinyTensors, tinyTorchZip } from './tiny-checkpoint.ts';

const config = parseEncoderConfig(TINY_CONFIG);
const fromSafetensors = (tensors: readonly TinyTensor[]) =>
  openSafetensors(memoryByteSource(tinySafetensors(tensors), 'model.safetensors'));
const tensors = tinyTensors();
const named = (name: string, shape = [1], count = 1): TinyTensor => ({ name, shape, values: new Float32Array(count) });

function valuesOf(checkpoint: Checkpoint, name: string): Float32Array {
  const wanted = tensors.find((tensor) => tensor.name === name)!;
  const into = new Float32Array(wanted.values.length);
  checkpoint.readRows(name, 0, wanted.shape[0]!, into);
  return into;
}

describe('encoderTensors', () => {
  const key = 'encoder.layer.0.attention.self.key.weight';
  const wanted = tensors.find(({ name }) => name === key)!.values;

  it('finds tensors with and without the prefix roberta., in safetensors and in a torch zip', async () => {
    const prefixed = tensors.map((tensor) => ({ ...tensor, name: `roberta.${tensor.name}` }));
    expect(valuesOf(encoderTensors(fromSafetensors(tensors), config), key)).toEqual(wanted);
    expect(valuesOf(encoderTensors(fromSafetensors(prefixed), config), key)).toEqual(wanted);
    const zip = await openTorchZip(memoryByteSource(tinyTorchZip(prefixed), 'pytorch_model.bin'));
    expect(valuesOf(encoderTensors(zip, config), key)).toEqual(wanted);
  });

  it('leaves out the pooler and position_ids', () => {
    const extra = [
      named('pooler.dense.weight', [2, 2], 4),
      named('roberta.pooler.dense.bias'),
      named('embeddings.position_ids'),
    ];
    const names = [...encoderTensors(fromSafetensors([...tensors, ...extra]), config).tensors.keys()];
    expect(names.sort()).toEqual(tensors.map(({ name }) => name).sort());
  });

  it('names what is missing, unknown, there twice, or of another shape', () => {
    const check = (changed: readonly TinyTensor[]) => () => encoderTensors(fromSafetensors(changed), config);
    expect(check(tensors.filter(({ name }) => name !== key))).toThrow(`no tensor "${key}"`);
    expect(check([...tensors, named('lm_head.bias')])).toThrow('unknown tensor "lm_head.bias"');
    expect(check([...tensors, named('encoder.layer.1.output.dense.bias')])).toThrow(
      /unknown tensor "encoder\.layer\.1/,
    );
    expect(check([...tensors, named(`roberta.${key}`)])).toThrow(/with and without the prefix/);
    expect(check(tensors.map((tensor) => (tensor.name === key ? { ...tensor, shape: [32, 128] } : tensor)))).toThrow(
      `${key} has shape [32,128], wanted [64,64]`,
    );
  });
});

describe('openSharded', () => {
  const files = new Map([
    ['model-00001-of-00002.safetensors', tensors.slice(0, 5)],
    ['model-00002-of-00002.safetensors', tensors.slice(5)],
  ]);
  const weightMap = Object.fromEntries([...files].flatMap(([file, part]) => part.map(({ name }) => [name, file])));
  const open = (map: Record<string, string>) =>
    openSharded({ weight_map: map }, 'index', async (file) => fromSafetensors(files.get(file)!));

  it('joins the files of an index', async () => {
    const checkpoint = encoderTensors(await open(weightMap), config);
    for (const { name, values } of tensors) expect(valuesOf(checkpoint, name)).toEqual(values);
  });

  it('refuses paths, and tensors that are not in their file', async () => {
    await expect(open({ ...weightMap, a: '../model.safetensors' })).rejects.toThrow(
      /wanted the name of a file beside it/,
    );
    await expect(open({ ...weightMap, a: '/etc/passwd' })).rejects.toThrow(/wanted the name of a file beside it/);
    await expect(open({ ...weightMap, a: 'model-00001-of-00002.safetensors' })).rejects.toThrow(/has no tensor "a"/);
  });
});
