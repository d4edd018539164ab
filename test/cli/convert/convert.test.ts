import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openByteSource } from '../../../cli/checkpoint/byte-source.ts';
import type { Checkpoint } from '../../../cli/checkpoint/checkpoint.ts';
import { openSafetensors } from '../../../cli/checkpoint/safetensors.ts';
import { openTorchZip } from '../../../cli/checkpoint/torch-zip.ts';
import { type ConvertOptions, convertCheckpoint } from '../../../cli/convert/convert.ts';
import { unpackHeads, unpackLayer, unpackRowPage } from '../../../cli/convert/unpack.ts';
import { planPositionTable, planWordTable } from '../../../src/format/expected-files.ts';
import {
  TINY_CONFIG,
  tinySafetensors,
  tinyTensors,
  tinyTorchZip,
  writeTinyCheckpoint,
} from '../checkpoint/tiny-checkpoint.ts';
import { stubTokenizer } from './stub-tokenizer.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures');

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'm3edge-convert-'));
});
afterEach(() => rmSync(home, { recursive: true }));

/** Converts into `home/out/NAME`. */
function convert(checkpoint: string, name: string, options: Partial<ConvertOptions> = {}) {
  return convertCheckpoint({
    checkpoint,
    outDir: join(home, 'out', name),
    preset: 'q8',
    name: 'model',
    buildTokenizer: stubTokenizer,
    ...options,
  });
}

const digests = (directory: string) =>
  Object.fromEntries(
    readdirSync(directory).map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(directory, name)))
        .digest('hex'),
    ]),
  );

describe.each([
  ['micro-m3', 'model.safetensors'],
  ['micro-m3-bin', 'pytorch_model.bin'],
])('convertCheckpoint on %s', (fixture, weights) => {
  // What rounding leaves of weights that are nearly normal: 7 bits a channel, 4 bits in groups of 32, 8 and 16 bits a row.
  it.each([
    ['q8', 0.016],
    ['q4', 0.075],
  ] as const)('keeps every weight within the error of %s', async (preset, largestError) => {
    const { architecture, layers, ...shape } = await convert(join(FIXTURES, fixture), 'm', { preset });
    const read = (name: string) => readFileSync(join(home, 'out', 'm', name));
    const source = openByteSource(join(FIXTURES, fixture, weights), weights);
    const checkpoint = weights.endsWith('.bin') ? await openTorchZip(source) : openSafetensors(source);
    const wanted = (...names: string[]) =>
      Buffer.concat(names.map((name) => new Uint8Array(valuesOf(checkpoint, name).buffer)));
    const errorOf = (got: Float32Array, ...names: string[]) =>
      relativeError(got, new Float32Array(new Uint8Array(wanted(...names)).buffer));

    for (const [i, types] of layers.entries()) {
      const layer = unpackLayer(read(`layer-0${i}.bin`), architecture, types);
      const prefix = `encoder.layer.${i}`;
      const qkv = ['query', 'key', 'value'].map((part) => `${prefix}.attention.self.${part}`);
      expect(errorOf(layer.qkv.weight, ...qkv.map((name) => `${name}.weight`))).toBeLessThan(largestError);
      expect(errorOf(layer.qkv.bias, ...qkv.map((name) => `${name}.bias`))).toBe(0);
      for (const [name, tensor] of [
        ['attentionOutput', `${prefix}.attention.output.dense`],
        ['intermediate', `${prefix}.intermediate.dense`],
        ['output', `${prefix}.output.dense`],
      ] as const) {
        expect(errorOf(layer[name].weight, `${tensor}.weight`)).toBeLessThan(largestError);
        expect(errorOf(layer[name].bias, `${tensor}.bias`)).toBe(0);
      }
      expect(errorOf(layer.attentionNorm.weight, `${prefix}.attention.output.LayerNorm.weight`)).toBe(0);
      expect(errorOf(layer.outputNorm.bias, `${prefix}.output.LayerNorm.bias`)).toBe(0);
    }

    const table = { architecture, layers, ...shape };
    const lastWords = planWordTable(table).pageCount - 1;
    const words = unpackRowPage(read(`words-00${lastWords}.bin`), planWordTable(table), lastWords);
    expect(
      relativeError(words, valuesOf(checkpoint, 'embeddings.word_embeddings.weight').slice(-words.length)),
    ).toBeLessThan(0.008);
    const positions = unpackRowPage(read('positions-00008.bin'), planPositionTable(table), 8);
    const tokenType = valuesOf(checkpoint, 'embeddings.token_type_embeddings.weight');
    const sums = valuesOf(checkpoint, 'embeddings.position_embeddings.weight').map(
      (value, j) => value + tokenType[j % tokenType.length]!,
    );
    expect(relativeError(positions, sums.slice(-positions.length))).toBeLessThan(3e-5);

    const heads = unpackHeads(read('heads.bin'), architecture);
    for (const [file, head, error] of [
      ['sparse_linear.pt', heads.sparse, 1e-9],
      ['colbert_linear.pt', heads.colbert, 0.008],
    ] as const) {
      const stored = await openTorchZip(openByteSource(join(FIXTURES, fixture, file), file));
      expect(relativeError(head.weight, valuesOf(stored, 'weight'))).toBeLessThan(error);
      expect(relativeError(head.bias, valuesOf(stored, 'bias'))).toBe(0);
      stored.close();
    }
    checkpoint.close();
  });

  it('gives the same bytes every time', async () => {
    for (const name of ['first', 'second']) await convert(join(FIXTURES, fixture), name, { preset: 'q4' });
    expect(digests(join(home, 'out', 'first'))).toEqual(digests(join(home, 'out', 'second')));
  });
});

describe('convertCheckpoint', () => {
  it('gives the same bytes for safetensors, a torch zip and names with a prefix', async () => {
    const zipped = writeTinyCheckpoint(join(home, 'zipped'), {
      'model.safetensors': undefined,
      'pytorch_model.bin': tinyTorchZip(),
    });
    const prefixed = tinyTensors().map((tensor) => ({ ...tensor, name: `roberta.${tensor.name}` }));
    const renamed = writeTinyCheckpoint(join(home, 'renamed'), { 'model.safetensors': tinySafetensors(prefixed) });
    await convert(writeTinyCheckpoint(join(home, 'plain')), 'a');
    await convert(zipped, 'b');
    await convert(renamed, 'c');
    expect(digests(join(home, 'out', 'b'))).toEqual(digests(join(home, 'out', 'a')));
    expect(digests(join(home, 'out', 'c'))).toEqual(digests(join(home, 'out', 'a')));
  });

  it('reads a checkpoint in several files', async () => {
    const [one, two] = [tinyTensors().slice(0, 7), tinyTensors().slice(7)];
    const weightMap = Object.fromEntries([
      ...one.map(({ name }) => [name, 'one.safetensors']),
      ...two.map(({ name }) => [name, 'two.safetensors']),
    ]);
    const inParts = writeTinyCheckpoint(join(home, 'parts'), {
      'model.safetensors': undefined,
      'model.safetensors.index.json': JSON.stringify({ metadata: {}, weight_map: weightMap }),
      'one.safetensors': tinySafetensors(one),
      'two.safetensors': tinySafetensors(two),
    });
    await convert(writeTinyCheckpoint(join(home, 'whole')), 'a');
    await convert(inParts, 'b');
    expect(digests(join(home, 'out', 'b'))).toEqual(digests(join(home, 'out', 'a')));
  });

  it('F65: puts upstream, revision and licence into the manifest, and no path, user or machine into any file', async () => {
    const config = JSON.stringify({ ...TINY_CONFIG, _name_or_path: '/home/somebody/secret/model' });
    const checkpoint = writeTinyCheckpoint(join(home, 'checkpoint'), { 'config.json': config });
    const manifest = await convert(checkpoint, 'm', { revision: 'abc123' });
    expect(manifest.model).toEqual({ name: 'model', upstream: 'unknown', revision: 'abc123', licence: 'unknown' });
    for (const name of readdirSync(join(home, 'out', 'm'))) {
      const bytes = readFileSync(join(home, 'out', 'm', name));
      for (const secret of [home, 'somebody', hostname(), `/home/${userInfo().username}`])
        expect(bytes.includes(secret)).toBe(false);
    }
  });

  it('takes the upstream and its licence from a config that remembers its Hub name', async () => {
    const config = JSON.stringify({ ...TINY_CONFIG, _name_or_path: 'somebody/tiny-m3' });
    const manifest = await convert(writeTinyCheckpoint(join(home, 'checkpoint'), { 'config.json': config }), 'm', {
      licence: 'Apache-2.0',
    });
    expect(manifest.model).toMatchObject({ upstream: 'somebody/tiny-m3', revision: null, licence: 'Apache-2.0' });
  });

  it('F64: leaves no target when it is killed half-way, and the next run clears up and gives the same bytes', async () => {
    const checkpoint = writeTinyCheckpoint(join(home, 'checkpoint'));
    await convert(checkpoint, 'whole');
    const child = spawn(process.execPath, [
      join(import.meta.dirname, 'stalled-convert.ts'),
      checkpoint,
      join(home, 'out', 'killed'),
    ]);
    await new Promise((resolve, reject) => {
      child.stdout.once('data', resolve);
      child.stderr.once('data', (data) => reject(new Error(String(data))));
    });
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const left = readdirSync(join(home, 'out'));
    expect(left.filter((name) => !name.startsWith('.'))).toEqual(['whole']);
    expect(left.some((name) => name.startsWith('.killed.partial-'))).toBe(true);
    await convert(checkpoint, 'killed');
    expect(readdirSync(join(home, 'out')).sort()).toEqual(['killed', 'whole']);
    expect(digests(join(home, 'out', 'killed'))).toEqual(digests(join(home, 'out', 'whole')));
  });

  it('stops between two files when it is told to, and leaves nothing', async () => {
    const checkpoint = writeTinyCheckpoint(join(home, 'checkpoint'));
    const abort = new AbortController();
    const stopped = convert(checkpoint, 'm', {
      signal: abort.signal,
      onProgress: () => abort.abort(new Error('stopped')),
    });
    await expect(stopped).rejects.toThrow('stopped');
    expect(readdirSync(join(home, 'out'))).toEqual([]);
  });

  it('reports the bytes written, up to the directory’s own', async () => {
    const seen: [number, number][] = [];
    const manifest = await convert(writeTinyCheckpoint(join(home, 'checkpoint')), 'm', {
      onProgress: (...bytes) => seen.push(bytes),
    });
    const total = Object.values(manifest.files).reduce((sum, { bytes }) => sum + bytes, 0);
    expect(seen.at(-1)).toEqual([total, total]);
    expect(seen).toEqual(seen.toSorted(([a], [b]) => a - b));
  });
});

function valuesOf(checkpoint: Checkpoint, name: string): Float32Array {
  const { shape } = checkpoint.tensors.get(name)!;
  const into = new Float32Array(shape.reduce((a, b) => a * b, 1));
  checkpoint.readRows(name, 0, shape[0]!, into);
  return into;
}

/** ‖got - wanted‖ / ‖wanted‖; of vectors of zeros, 0 if they are equal. */
function relativeError(got: Float32Array, wanted: Float32Array): number {
  expect(got.length).toBe(wanted.length);
  let error = 0;
  let norm = 0;
  for (const [i, value] of wanted.entries()) {
    error += (got[i]! - value) ** 2;
    norm += value ** 2;
  }
  return error === 0 ? 0 : Math.sqrt(error / norm);
}
