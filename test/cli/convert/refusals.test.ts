import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ConvertOptions, convertCheckpoint, planModel } from '../../../cli/convert/convert.ts';
import { UserError } from '../../../cli/user-error.ts';
import { floatBytes, op, torchFile, torchPickle, zipFile } from '../checkpoint/builders.ts';
import {
  TINY_CONFIG,
  tinySafetensors,
  tinyTensors,
  tinyTorchZip,
  writeTinyCheckpoint,
} from '../checkpoint/tiny-checkpoint.ts';
import { stubTokenizer } from './stub-tokenizer.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'm3edge-refusals-'));
});
afterEach(() => rmSync(home, { recursive: true }));

/** Converts into `home/out/m`. */
function convert(checkpoint: string, options: Partial<ConvertOptions> = {}) {
  return convertCheckpoint({
    checkpoint,
    outDir: join(home, 'out', 'm'),
    preset: 'q8',
    name: 'model',
    buildTokenizer: stubTokenizer,
    ...options,
  });
}

describe('convertCheckpoint', () => {
  const weightsWith = (name: string, change: (values: Float32Array) => void) => {
    const tensors = tinyTensors();
    change(tensors.find((tensor) => tensor.name === name)!.values);
    return tinySafetensors(tensors);
  };
  const config = (fields: object) => JSON.stringify({ ...TINY_CONFIG, ...fields });
  const running = torchFile(
    Buffer.concat([
      op.proto(),
      op.global('os', 'system'),
      op.mark,
      op.text('touch /tmp/owned'),
      op.tuple,
      op.reduce,
      op.stop,
    ]),
    [],
  );
  const wideColbert = torchFile(
    torchPickle([
      { name: 'weight', shape: [64, 32] },
      { name: 'bias', shape: [64], key: '1' },
    ]),
    [floatBytes(new Float32Array(64 * 32)), floatBytes(new Float32Array(64))],
  );
  // `[what, files changed, the reason it is refused with]`.
  const refused: readonly (readonly [string, Parameters<typeof writeTinyCheckpoint>[1], RegExp])[] = [
    ['a checkpoint without config.json', { 'config.json': undefined }, /^config\.json: not there/],
    ['a config.json that is not JSON', { 'config.json': '<html>' }, /^config\.json: a value was expected/],
    [
      'a config.json with a field twice',
      { 'config.json': '{"hidden_size":64,"hidden_size":65}' },
      /duplicate key "hidden_size"/,
    ],
    [
      'a checkpoint without weights',
      { 'model.safetensors': undefined },
      /no weights; looked for model\.safetensors, .*ONNX and GGUF/,
    ],
    [
      'a checkpoint without the sparse head',
      { 'sparse_linear.pt': undefined },
      /^sparse_linear\.pt: not there; .*download it/,
    ],
    [
      'a checkpoint without the ColBERT head',
      { 'colbert_linear.pt': undefined },
      /^colbert_linear\.pt: not there; .*download it/,
    ],
    [
      'a checkpoint without tokenizer',
      { 'tokenizer.json': undefined },
      /^tokenizer\.json: not there, nor sentencepiece/,
    ],
    [
      'a pickle that would run a command',
      { 'model.safetensors': undefined, 'pytorch_model.bin': running },
      /refused global "os\.system"/,
    ],
    [
      'a head that would run a command',
      { 'sparse_linear.pt': running },
      /sparse_linear\.pt: .*refused global "os\.system"/,
    ],
    ['a pickle named .safetensors', { 'model.safetensors': tinyTorchZip() }, /this is a PyTorch file/],
    [
      'a compressed zip',
      {
        'sparse_linear.pt': zipFile([
          { name: 'm/data.pkl', bytes: Buffer.from('x'), method: 8, uncompressedSize: 1e9 },
        ]),
      },
      /is compressed/,
    ],
    ['a truncated download', { 'model.safetensors': tinySafetensors().subarray(0, 50_000) }, /download the file again/],
    [
      'a ColBERT head of another width',
      { 'colbert_linear.pt': wideColbert },
      /colbert_linear\.pt: weight has shape \[64,32\], wanted \[64,64\]/,
    ],
    ['weights of another model', { 'config.json': config({ num_hidden_layers: 2 }) }, /no tensor "encoder\.layer\.1/],
    [
      'another vocabulary',
      { 'config.json': config({ vocab_size: 8 }) },
      /word_embeddings\.weight has shape \[16,64\], wanted \[8,64\]/,
    ],
    [
      'another tokenizer',
      { 'config.json': config({}), 'tokenizer.json': '{"pieces":17}' },
      /vocab_size is 16, the tokenizer has 17 pieces/,
    ],
    ['a tokenizer.json that is not JSON', { 'tokenizer.json': '{' }, /^tokenizer\.json: .*download it again/],
    [
      'NaN',
      { 'model.safetensors': weightsWith('encoder.layer.0.output.dense.weight', (w) => w.set([NaN], 130)) },
      /output\.dense\.weight holds NaN in row 2/,
    ],
    [
      'infinity',
      { 'model.safetensors': weightsWith('embeddings.word_embeddings.weight', (w) => w.fill(-Infinity, 999)) },
      /holds -Infinity in row 15/,
    ],
  ];
  it.each(refused)('F58, F59, F62, F63: refuses %s, and leaves nothing', async (_, changes, reason) => {
    const checkpoint = writeTinyCheckpoint(join(home, 'checkpoint'), changes);
    const refusal = await convert(checkpoint).catch((error) => error);
    expect(refusal).toBeInstanceOf(UserError);
    expect(refusal.message).toMatch(reason);
    expect(existsSync(join(home, 'out')) ? readdirSync(join(home, 'out')) : []).toEqual([]);
    expect(existsSync('/tmp/owned')).toBe(false);
  });

  it('refuses a path that is no directory, and options that cannot stand in a manifest', async () => {
    await expect(convert(join(home, 'nothing'))).rejects.toThrow(/not a directory; give the folder/);
    const checkpoint = writeTinyCheckpoint(join(home, 'checkpoint'));
    await expect(convert(checkpoint, { name: 'two\nlines' })).rejects.toThrow(
      /--name: wanted 1 to 200 printable characters/,
    );
    await expect(convert(checkpoint, { upstream: 'BAAI/bge-m3' })).rejects.toThrow(
      /vocab_size is 16, wanted 250002 as in BAAI\/bge-m3/,
    );
  });

  it('refuses a model so wide that a layer could not be served', async () => {
    const { architecture } = await convert(writeTinyCheckpoint(join(home, 'checkpoint')));
    const wide = { ...architecture, hiddenSize: 1536, intermediateSize: 6144, headCount: 24 };
    expect(() => planModel(wide, 'q8')).toThrow(
      /layer-00\.bin would have \d+ bytes, at most 25165824 can be served; try --quant q4/,
    );
    expect(() => planModel(wide, 'q4')).not.toThrow();
  });
});
