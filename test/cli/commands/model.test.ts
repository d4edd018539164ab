import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from 'citty';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { modelCommand } from '../../../cli/commands/model.ts';
import { UserError } from '../../../cli/user-error.ts';
import { parseManifest } from '../../../src/format/manifest.ts';

const FIXTURE = join(import.meta.dirname, '../../fixtures/micro-m3');

let home: string;
let model: string;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'm3edge-model-'));
  model = join(home, 'micro');
  await run('convert', FIXTURE, '--out', model, '--quant', 'q4', '--upstream', 'somebody/micro-m3', '--licence', 'MIT');
});
afterAll(() => rmSync(home, { recursive: true }));

/** What the command prints on stdout. */
async function run(...rawArgs: string[]): Promise<string> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    await runCommand(modelCommand, { rawArgs });
    return log.mock.calls.map(([line]) => line).join('\n');
  } finally {
    log.mockRestore();
    stderr.mockRestore();
  }
}

describe('m3edge model info', () => {
  it('prints architecture, quantisation, bytes by kind and a layer, and the fingerprint', async () => {
    const printed = await run('info', model);
    expect(printed).toMatch(/^model {8}micro\n/);
    expect(printed).toContain('upstream     somebody/micro-m3, revision unknown, licence MIT');
    expect(printed).toMatch(/fingerprint {2}[0-9a-f]{16}\n/);
    expect(printed).toContain('3 layers, hidden 64, intermediate 256, 4 heads of 16');
    expect(printed).toContain('at most 512 a text');
    expect(printed).toContain('8000 pieces; <s> 0, <pad> 1, </s> 2, <unk> 3');
    expect(printed).toMatch(/0 to 2: [\d.]+ kB a layer, u4g32/);
    expect(printed).toContain('125 pages of 64 rows, i8');
  });

  it('says what to do about a directory that is no model, or a damaged one', async () => {
    await expect(run('info', FIXTURE)).rejects.toThrow(
      /no manifest\.json, so not a model; make one with m3edge model pull or m3edge model convert/,
    );
    const damaged = mkdtempSync(join(home, 'damaged-'));
    writeFileSync(
      join(damaged, 'manifest.json'),
      readFileSync(join(model, 'manifest.json'), 'utf8').replace('"q4"', '"q5"'),
    );
    await expect(run('info', damaged)).rejects.toThrow(
      /manifest\.json: preset: got "q5", wanted q8 or q4 or auto; convert the model again/,
    );
  });
});

describe('m3edge model verify', () => {
  it('accepts what convert wrote', async () => {
    const files = Object.keys(parseManifest(readFileSync(join(model, 'manifest.json'), 'utf8')).files).length;
    expect(await run('verify', model)).toContain(`all ${files} files`);
  });

  it('of BAAI/bge-m3 prints published numbers beside its own, and refuses what answers as another model', async () => {
    const posing = join(home, 'posing');
    await run('convert', FIXTURE, '--out', posing, '--rounding', 'nearest', '--upstream', 'somebody/micro-m3');
    const manifest = join(posing, 'manifest.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('somebody/micro-m3', 'BAAI/bge-m3'));
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const verified = runCommand(modelCommand, { rawArgs: ['verify', posing] });
    await expect(verified).rejects.toThrow(/does not answer as BAAI\/bge-m3 does; .*m3edge model pull/);
    const printed = log.mock.calls.map(([line]) => line as string);
    log.mockRestore();
    expect(printed.filter((line) => /^(ok |off) /.test(line))).toHaveLength(207);
    expect(printed).toContainEqual(
      expect.stringMatching(/^off dense: What is BGE M3\? \| BGE M3 is an embedding\.\.\. +0\.62650 /),
    );
  });

  it('names each file that is damaged, cut short or gone, with the fix', async () => {
    const copy = join(home, 'copy');
    await run('convert', FIXTURE, '--out', copy);
    const heads = readFileSync(join(copy, 'heads.bin'));
    heads[100]! ^= 1;
    writeFileSync(join(copy, 'heads.bin'), heads);
    truncateSync(join(copy, 'layer-01.bin'), 1000);
    rmSync(join(copy, 'words-00007.bin'));
    const refusal: Error = await run('verify', copy).then(
      () => expect.unreachable(),
      (error) => error,
    );
    expect(refusal).toBeInstanceOf(UserError);
    expect(refusal.message.split('\n')).toEqual([
      expect.stringMatching(/^heads\.bin: sha256 [0-9a-f]{12}\.\.\., the manifest says [0-9a-f]{12}\.\.\.$/),
      expect.stringMatching(/^layer-01\.bin: 1000 bytes, the manifest says \d+$/),
      'words-00007.bin: not there',
      expect.stringMatching(/^3 of \d+ files are damaged: convert or download the model again$/),
    ]);
  });
});

describe('m3edge model convert', () => {
  it('takes the name from --out, prints the fingerprint, and refuses other presets', async () => {
    expect(await run('convert', FIXTURE, '--out', join(home, 'again'), '--quant', 'q4')).toMatch(
      /again: q4, fingerprint [0-9a-f]{16}$/,
    );
    expect(parseManifest(readFileSync(join(home, 'again', 'manifest.json'), 'utf8')).model.name).toBe('again');
    await expect(run('convert', FIXTURE, '--out', join(home, 'q2'), '--quant', 'q2')).rejects.toThrow(/q8/);
  });
});
