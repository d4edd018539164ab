import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { appUnderTest } from '../support/call-app.ts';
import { modelDirectory, openModel } from '../support/models.ts';
import { jsonLines, m3edge, startM3edge } from '../support/run-command.ts';

const model = modelDirectory('micro-m3', 'q8');
const directory = mkdtempSync(join(tmpdir(), 'm3edge-reembed-'));
const from = join(directory, 'docs.ndjson');
afterAll(() => rmSync(directory, { recursive: true }));

const documents = Array.from({ length: 1000 }, (_, i) => ({
  id: `d${i}`,
  text: `document ${i} has its words and number ${i % 97} `.repeat(1 + (i % 9)),
}));
const input = documents.map((document) => `${JSON.stringify(document)}\n`).join('');
writeFileSync(from, input);
const reembed = (to: string, ...options: string[]) => [
  'reembed',
  '--model',
  model,
  '--from',
  from,
  '--to',
  to,
  ...options,
];
const bytesOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** Runs until it is so, and sends the signal; where the run has come to its end before the signal came, from where it began once more. */
async function stopOnce(isSo: () => boolean, signal: NodeJS.Signals, to: string, ...options: string[]) {
  const before = existsSync(to) ? readFileSync(to) : undefined;
  while (true) {
    const child = startM3edge(reembed(to, ...options));
    child.stdin!.end();
    let said = '';
    child.stderr!.on('data', (chunk) => (said += chunk));
    const exited = once(child, 'exit');
    while (!isSo() && child.exitCode === null) await sleep(1);
    child.kill(signal);
    const exit = await exited;
    if (exit[0] !== 0) return { exit, said };
    if (before) writeFileSync(to, before);
    else rmSync(to);
  }
}

describe('m3edge reembed', () => {
  const whole = join(directory, 'whole.ndjson');

  it('embeds all documents of a file', async () => {
    expect(await m3edge(reembed(whole))).toMatchObject({ code: 0, stdout: '' });
    expect(jsonLines(readFileSync(whole, 'utf8')).map(({ id }) => id)).toEqual(documents.map(({ id }) => id));
  });

  it('comes to the same bytes through kill -9 at any point, and another number of threads', async () => {
    const to = join(directory, 'killed.ndjson');
    const total = bytesOf(whole);
    const killedAt: number[] = [];
    // Before the first line, then as the output grows past each of these.
    for (const [index, share] of [0, 0.05, 0.3, 0.5, 0.7].entries()) {
      const isThere = () => existsSync(to) && bytesOf(to) >= share * total;
      const { exit } = await stopOnce(isThere, 'SIGKILL', to, '--threads', String(1 + (index % 2)));
      expect(exit).toEqual([null, 'SIGKILL']);
      killedAt.push(bytesOf(to));
    }
    expect(killedAt.every((bytes) => bytes < total)).toBe(true);
    expect(killedAt.at(-1)).toBeGreaterThan(total / 2);
    const { code, stderr } = await m3edge(reembed(to));
    expect(code).toBe(0);
    expect(stderr).toMatch(/\d+ of 1000 documents are done/);
    expect(readFileSync(to).equals(readFileSync(whole))).toBe(true);
  });

  it('stops at SIGINT with the exit code of a shell, and says how to go on', async () => {
    const to = join(directory, 'stopped.ndjson');
    const { exit, said } = await stopOnce(() => bytesOf(to) > 0, 'SIGINT', to);
    expect(exit).toEqual([130, null]);
    expect(said).toContain('the same command goes on');
    expect(readFileSync(whole, 'utf8').startsWith(readFileSync(to, 'utf8'))).toBe(true);
  });

  it('writes the same lines from stdin to stdout', async () => {
    const { code, stdout } = await m3edge(['reembed', '--model', model, '--from', '-', '--to', '-'], input);
    expect(code).toBe(0);
    expect(stdout === readFileSync(whole, 'utf8')).toBe(true);
  });

  it('adds ColBERT vectors, and cuts texts', async () => {
    const args = [
      'reembed',
      '--model',
      model,
      '--from',
      '-',
      '--to',
      '-',
      '--colbert',
      '--truncate',
      '--max-length',
      '9',
    ];
    const [line] = jsonLines((await m3edge(args, input.slice(0, input.indexOf('\n')))).stdout);
    expect(line).toMatchObject({ id: 'd0', tokens: 9, truncated: true });
    expect(line.colbert_vecs).toHaveLength(8);
  });

  it('writes lines that /score takes as stored passages, with the scores of their texts', async () => {
    const lines = input.split('\n').slice(0, 3);
    const options = ['--from', '-', '--to', '-', '--colbert'];
    const { stdout } = await m3edge(['reembed', '--model', model, ...options], lines.join('\n'));
    const passages = jsonLines(stdout).map(({ fingerprint, dense_vecs, lexical_weights, colbert_vecs }) => {
      return { fingerprint, dense_vecs, lexical_weights, colbert_vecs };
    });
    const embedder = await openModel(model);
    const { post } = appUnderTest(async () => embedder);
    const query = documents[2]!.text;
    const ofLines = await post('/score', { query, passages });
    const ofTexts = await post('/score', { query, passages: documents.slice(0, 3).map(({ text }) => text) });
    expect(ofLines.status).toBe(200);
    expect({ ...ofLines.json, usage: null }).toEqual({ ...ofTexts.json, usage: null });
  });

  it.each<[string, string[], RegExp]>([
    ['a file that is not there', ['--from', '/nowhere', '--to', 'x'], /--from \/nowhere: no such file/],
    ['a directory', ['--from', tmpdir(), '--to', 'x'], /not a file; for a pipe give/],
    ['its own input as output', ['--from', from, '--to', from], /the same file; name another/],
    ['half a pipe', ['--from', '-', '--to', 'x'], /both files or both -/],
    ['no threads', ['--from', from, '--to', 'x', '--threads', '0'], /--threads must be/],
    ['a place that cannot be written', ['--from', from, '--to', join(from, 'x')], /ENOTDIR.*check the path/],
    ['no output', ['--from', from], /--to/],
  ])('refuses %s', async (_, options, words) => {
    const { code, stderr } = await m3edge(['reembed', '--model', model, ...options]);
    expect(code).toBe(2);
    expect(stderr).toMatch(words);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it('names the line of a document that is none', async () => {
    const bad = join(directory, 'bad.ndjson');
    writeFileSync(bad, `${input.slice(0, input.indexOf('\n') + 1)}{"id":"b","txt":"?"}\n`);
    const { code, stderr } = await m3edge(['reembed', '--model', model, '--from', bad, '--to', join(directory, 'out')]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/m3edge: line 2 has the field "txt"; write/);
  });
});
