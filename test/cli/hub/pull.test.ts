import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PullOptions, pullCheckpoint } from '../../../cli/hub/pull.ts';
import { type HubServer, startHub } from '../../support/hub-server.ts';
import { fixtureDirectory } from '../../support/models.ts';

const REPOSITORY = 'acme/micro-m3';
const WEIGHTS = 'model.safetensors';
/** A part's name begins so. */
const PART = `.${WEIGHTS}.`;
const NEEDED = ['colbert_linear.pt', 'config.json', WEIGHTS, 'sparse_linear.pt', 'tokenizer.json'];
const patience = { attempts: 3, backoffMs: 1, stallMs: 500 };

let home: string;
let directory: string;
let hub: HubServer;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'm3edge-pull-'));
  directory = join(home, 'checkpoint');
  hub = await startHub({ repository: REPOSITORY, files: fixtureDirectory('micro-m3'), token: 'hf_secret' });
});
afterEach(async () => {
  await hub.stop();
  rmSync(home, { recursive: true });
});

const pull = (changes: Partial<PullOptions> = {}) =>
  pullCheckpoint({
    access: { endpoint: hub.url, token: 'hf_secret' },
    repository: REPOSITORY,
    revision: 'main',
    directory,
    isOurs: true,
    conversion: { outDir: join(home, 'model'), preset: 'q8' },
    onProgress: () => {},
    signal: new AbortController().signal,
    patience,
    ...changes,
  });
const names = () => (existsSync(directory) ? readdirSync(directory).sort() : []);
const rangesOf = (file: string) =>
  hub.asked.filter(({ path }) => path.includes(`filename=${file}`)).map(({ range }) => range);
const expectWhole = () => {
  expect(names()).toEqual(NEEDED);
  for (const name of NEEDED) expect(readFileSync(join(directory, name)).equals(hub.files.get(name)!)).toBe(true);
};

describe('pullCheckpoint', () => {
  it('brings the files that a conversion needs and no other, byte for byte, at the commit of the revision', async () => {
    expect(await pull()).toBe(hub.commit);
    expectWhole();
    expect(await pull({ revision: 'refs/pr/1' })).toBe(hub.commit);
  });

  it('tells progress from what is there to the sum of all files', async () => {
    const seen: number[][] = [];
    await pull({ onProgress: (...bytes) => seen.push(bytes) });
    const total = NEEDED.reduce((sum, name) => sum + hub.files.get(name)!.length, 0);
    expect(seen[0]).toEqual([0, total]);
    expect(seen.at(-1)).toEqual([total, total]);
    expect(seen.every(([done], i) => i === 0 || done! >= seen[i - 1]![0]!)).toBe(true);
    seen.length = 0;
    await pull({ onProgress: (...bytes) => seen.push(bytes) });
    expect(seen).toEqual([[total, total]]);
  });

  it('shows the token to the Hub alone, not to the host it redirects to', async () => {
    await pull();
    const shown = new Map(hub.asked.map(({ host, authorization }) => [host, authorization]));
    const [hubHost, storageHost] = [new URL(hub.url).host, [...shown.keys()].find((host) => /localhost/.test(host))!];
    expect(Object.fromEntries(shown)).toEqual({ [hubHost]: 'Bearer hf_secret', [storageHost]: undefined });
  });

  it('goes on after a break with the bytes that are missing', async () => {
    const bytes = hub.files.get(WEIGHTS)!.length;
    hub.faults.push(
      { file: WEIGHTS, kind: 'break', afterBytes: 700_000 },
      { file: WEIGHTS, kind: 'status', status: 403 }, // an address whose signature has run out
      { file: WEIGHTS, kind: 'break', afterBytes: 900_000 },
      { file: WEIGHTS, kind: 'stall' },
    );
    await pull();
    expectWhole();
    const starts = rangesOf(WEIGHTS).map((range) => Number(/\d+/.exec(range ?? '0')![0]));
    expect(starts).toHaveLength(5);
    expect(starts[1]).toBe(700_000);
    expect(starts[3]).toBe(1_600_000);
    expect(starts[4]).toBe(1_600_100);
    expect(starts[4]).toBeLessThan(bytes);
  });

  it('goes on where an earlier call was stopped, and keeps nothing but parts until then', async () => {
    const abort = new AbortController();
    const stopAt = 1_500_000;
    hub.faults.push({ file: WEIGHTS, kind: 'break', afterBytes: 2_000_000 });
    const onProgress = (done: number) => {
      if (done > stopAt) abort.abort(new Error('enough'));
    };
    await expect(pull({ signal: abort.signal, onProgress })).rejects.toThrow();
    expect(names().filter((name) => !NEEDED.includes(name))).toEqual([expect.stringContaining(PART)]);
    expect(names()).not.toContain(WEIGHTS);
    let thereBytes = 0;
    await pull({
      onThere: (bytes) => {
        thereBytes += bytes;
      },
    });
    expectWhole();
    expect(thereBytes).toBeGreaterThan(stopAt);
    expect(rangesOf(WEIGHTS)[1]).toMatch(/^bytes=\d{6,}-$/);
  });

  it('begins anew where the server does not go on', async () => {
    hub.faults.push({ file: WEIGHTS, kind: 'break', afterBytes: 700_000 }, { file: WEIGHTS, kind: 'no ranges' });
    await pull();
    expectWhole();
  });

  it('gives up after three failures in a row, and says what stays', async () => {
    for (let i = 0; i < 3; i++) hub.faults.push({ file: WEIGHTS, kind: 'status', status: 503 });
    await expect(pull()).rejects.toThrow(/answers 503, 3 times; .*the same command goes on from there/);
    await pull();
    expectWhole();
  });

  it('outlasts a listing that fails in passing', async () => {
    hub.faults.push({ file: 'revision', kind: 'status', status: 502 });
    await pull();
    expectWhole();
  });

  it.each(['config.json', WEIGHTS])('F63: refuses a damaged %s and keeps nothing of it', async (file) => {
    hub.faults.push({ file, kind: 'corrupt' });
    await expect(pull()).rejects.toThrow(new RegExp(`${file}: its .* is not the Hub's .*what came is removed`));
    expect(names().filter((name) => name.includes(file))).toEqual([]);
    await pull();
    expectWhole();
  });

  it('does not go on from a part that holds other bytes', async () => {
    hub.faults.push({ file: WEIGHTS, kind: 'break', afterBytes: 700_000 });
    for (let i = 0; i < 3; i++) hub.faults.push({ file: WEIGHTS, kind: 'status', status: 500 });
    await expect(pull()).rejects.toThrow(/answers 500/);
    const part = join(directory, names().find((name) => name.startsWith(PART))!);
    const bytes = readFileSync(part);
    bytes[1000]! ^= 1;
    writeFileSync(part, bytes);
    await expect(pull()).rejects.toThrow(/what came is removed/);
    expect(names().some((name) => name.startsWith(PART))).toBe(false);
  });

  it.each<[string, Partial<PullOptions>, RegExp]>([
    ['no such repository', { repository: 'acme/absent' }, /acme\/absent at main: .*404 \("Repository not found"\)/],
    ['no such revision', { revision: 'v9' }, /at v9: .*Invalid rev id: v9.*--revision/],
  ])('names what is not there: %s', async (_, changes, words) => {
    await expect(pull(changes)).rejects.toThrow(words);
    expect(names()).toEqual([]);
  });

  it('says what a wrong token and a missing one need', async () => {
    await expect(pull({ access: { endpoint: hub.url, token: 'hf_other' } })).rejects.toThrow(
      /401 .*HF_TOKEN is not accepted/,
    );
    await expect(pull({ access: { endpoint: hub.url } })).rejects.toThrow(/401 .*private repository needs HF_TOKEN/);
  });

  it.each(['config.json', 'sparse_linear.pt', 'colbert_linear.pt', 'tokenizer.json', WEIGHTS])(
    'names a missing %s before anything is downloaded',
    async (file) => {
      hub.files.delete(file);
      if (file === 'tokenizer.json') hub.files.delete('sentencepiece.bpe.model');
      await expect(pull()).rejects.toThrow(`there is no ${file}`);
      expect(names()).toEqual([]);
    },
  );

  it('never writes a name that it does not know', async () => {
    hub.files.set('../../outside.bin', Buffer.from('x'));
    hub.files.set('/etc/outside', Buffer.from('x'));
    hub.files.set('model-00001-of-00002.safetensors', Buffer.from('x')); // no index goes with it
    await pull();
    expectWhole();
    expect(readdirSync(home)).toEqual(['checkpoint']);
  });

  it('refuses another encoder before the weights come', async () => {
    hub.files.set('config.json', Buffer.from('{"model_type": "gpt2"}'));
    await expect(pull()).rejects.toThrow(/config\.json: model_type/);
    expect(rangesOf(WEIGHTS)).toEqual([]);
  });

  it('refuses a budget that nothing fits before the weights come', async () => {
    const conversion = { outDir: join(home, 'model'), preset: 'auto', budgetBytes: 1000 } as const;
    await expect(pull({ conversion })).rejects.toThrow(/--budget/);
    expect(rangesOf(WEIGHTS)).toEqual([]);
  });

  it('asks for room before the weights come: for what is missing of them, and for the model', async () => {
    const getDisk = () => ({ device: 1, freeBytes: 2_900_000 });
    await expect(pull({ getDisk })).rejects.toThrow(/are needed, the disk has 2\.90 MB free; make room/);
    expect(rangesOf(WEIGHTS)).toEqual([]);
    const twoDisks = (path: string) => ({ device: path === directory ? 1 : 2, freeBytes: 2_900_000 });
    await pull({ getDisk: twoDisks });
    expectWhole();
  });

  it.skipIf(!existsSync('/dev/full'))('reports a disk that is full all the same', async () => {
    mkdirSync(directory);
    await expect(pull({ getDisk: () => ({ device: 1, freeBytes: 0 }) })).rejects.toThrow(/make room/);
    hub.faults.push({ file: WEIGHTS, kind: 'break', afterBytes: 1 });
    for (let i = 0; i < 3; i++) hub.faults.push({ file: WEIGHTS, kind: 'status', status: 500 });
    await expect(pull()).rejects.toThrow(/500/);
    const part = join(directory, names().find((name) => name.startsWith(PART))!);
    rmSync(part);
    symlinkSync('/dev/full', part);
    await expect(pull()).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(names()).not.toContain(WEIGHTS);
  });

  it("replaces what is not the Hub's in its own directory, and refuses it in the user's", async () => {
    await pull();
    writeFileSync(join(directory, 'config.json'), '{}');
    await expect(pull({ isOurs: false })).rejects.toThrow(/config\.json: there already, and not the Hub's/);
    expect(readFileSync(join(directory, 'config.json'), 'utf8')).toBe('{}');
    await pull();
    expectWhole();
  });

  it('does not let the converter take weights of another repository that lie there in a format it prefers', async () => {
    const bin = 'pytorch_model.bin';
    hub.files.set(bin, hub.files.get(WEIGHTS)!);
    hub.files.delete(WEIGHTS);
    mkdirSync(directory);
    writeFileSync(join(directory, WEIGHTS), 'of another model');
    writeFileSync(join(directory, 'notes.txt'), 'mine');
    await expect(pull({ isOurs: false })).rejects.toThrow(/model\.safetensors: there already, and not the Hub's/);
    expect(names()).toEqual([WEIGHTS, 'notes.txt']);
    await pull();
    expect(names()).toEqual(['colbert_linear.pt', 'config.json', bin, 'sparse_linear.pt', 'tokenizer.json']);
  });

  it('follows neither a redirect out of HTTP nor one redirect after another', async () => {
    hub.redirect = 'file:///etc/passwd';
    await expect(pull()).rejects.toThrow(/redirects to "file:.*not followed/);
    hub.redirect = '/round/and/round?filename=x';
    await expect(pull()).rejects.toThrow(/more than 5 redirects/);
  });

  it('prefers safetensors, and takes a checkpoint in several files', async () => {
    hub.files.set('pytorch_model.bin', Buffer.from('not this one'));
    await pull();
    expectWhole();
    rmSync(directory, { recursive: true });
    const part = 'model-00001-of-00001.safetensors';
    hub.files.set(part, hub.files.get(WEIGHTS)!);
    hub.files.delete(WEIGHTS);
    hub.files.set('model.safetensors.index.json', Buffer.from('{"weight_map": {}}'));
    await pull();
    expect(names()).toEqual(expect.arrayContaining([part, 'model.safetensors.index.json']));
    expect(names()).not.toContain('pytorch_model.bin');
  });
});
