import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { op, safetensorsFile, torchFile, zipFile } from '../cli/checkpoint/builders.ts';
import { TINY_CONFIG, tinySafetensors, writeTinyCheckpoint } from '../cli/checkpoint/tiny-checkpoint.ts';

const BIN = join(import.meta.dirname, '../../cli/bin.js');
const FIXTURE = join(import.meta.dirname, '../fixtures/micro-m3');

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'm3edge-hostile-'));
});
afterEach(() => rmSync(home, { recursive: true }));

interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function m3edge(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [BIN, ...args], (_, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, stdout, stderr }),
    );
  });
}

/** The micro model's tokenizer.json with another step of normalisation. */
function tokenizerJson(step: object): string {
  const json = JSON.parse(readFileSync(join(FIXTURE, 'tokenizer.json'), 'utf8'));
  json.normalizer.normalizers[1] = step;
  return JSON.stringify(json);
}

describe('m3edge model convert, on files that lie', () => {
  const marker = join(tmpdir(), `m3edge-owned-${process.pid}`);
  const runs = torchFile(
    Buffer.concat([
      op.proto(),
      op.global('posix', 'system'),
      op.mark,
      op.text(`touch ${marker}`),
      op.tuple,
      op.reduce,
      op.stop,
    ]),
    [],
  );
  // `[what, with its number in faults.md; files changed; the reason on stderr, and the fix]`.
  it.each<[string, Parameters<typeof writeTinyCheckpoint>[1], RegExp]>([
    [
      'F58: a pickle that would run a command',
      { 'model.safetensors': undefined, 'pytorch_model.bin': runs },
      /pytorch_model\.bin: pickle byte 2: refused global "posix\.system"/,
    ],
    [
      'F58: a pickle named .safetensors',
      { 'model.safetensors': runs },
      /model\.safetensors: this is a PyTorch file.*; give it its own name/,
    ],
    [
      'F58: ONNX with its weights outside',
      { 'model.safetensors': undefined, 'model.onnx': 'location\0../../etc/passwd' },
      /no weights; looked for model\.safetensors, .*ONNX and GGUF/,
    ],
    [
      'F59: a header longer than its file',
      { 'model.safetensors': safetensorsFile('{}', undefined, 2n ** 63n) },
      /model\.safetensors: header of 9223372036854775808 bytes/,
    ],
    [
      'F61: a tokenizer with a regular expression of its own',
      { 'tokenizer.json': tokenizerJson({ type: 'Replace', pattern: { Regex: '(a+)+$' }, content: ' ' }) },
      /tokenizer\.json: .*Regex is "\(a\+\)\+\$", not .*; take the tokenizer\.json of/,
    ],
    [
      'F61: a tokenizer of 64 MB and more',
      { 'tokenizer.json': Buffer.alloc(64 * 1024 * 1024 + 1, ' ') },
      /tokenizer\.json: 67108865 bytes, at most 67108864 are read/,
    ],
    [
      'F62: a compressed zip',
      { 'colbert_linear.pt': zipFile([{ name: 'm/data.pkl', bytes: runs, method: 8 }]) },
      /colbert_linear\.pt: entry "m\/data\.pkl" is compressed/,
    ],
    [
      'F63: a truncated download',
      { 'model.safetensors': tinySafetensors().subarray(0, 9999) },
      /model\.safetensors: .*download the file again/,
    ],
    [
      'F63: another model',
      { 'config.json': JSON.stringify({ ...TINY_CONFIG, hidden_size: 768 }) },
      /model\.safetensors: embeddings\.word_embeddings\.weight has shape \[16,64\], wanted \[16,768\]/,
    ],
  ])('%s: exit code 2, the reason in one line, no output left', async (_, changes, reason) => {
    const checkpoint = writeTinyCheckpoint(join(home, 'checkpoint'), changes);
    const out = join(home, 'out');
    mkdirSync(out);
    const { exitCode, stdout, stderr } = await m3edge('model', 'convert', checkpoint, '--out', join(out, 'model'));
    expect(stderr).toMatch(reason);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
    expect(exitCode).toBe(2);
    expect(readdirSync(out)).toEqual([]);
    expect(existsSync(marker)).toBe(false);
  });

  it('a target that cannot be made, or holds something else: exit code 2', async () => {
    writeFileSync(join(home, 'file'), '');
    const [below, beside] = await Promise.all([
      m3edge('model', 'convert', FIXTURE, '--out', join(home, 'file', 'model')),
      m3edge('model', 'convert', FIXTURE, '--out', home),
    ]);
    expect(below).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/file.*; check the path and its permissions/),
    });
    expect(beside).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/not empty, and not a model; choose another --out/),
    });
    expect(readdirSync(home)).toEqual(['file']);
  });
});
