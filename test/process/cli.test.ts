import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { fixtureDirectory, modelDirectory, readGolden, readManifest } from '../support/models.ts';
import { jsonLines, m3edge, startM3edge } from '../support/run-command.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const model = modelDirectory('micro-m3', 'q8');
const golden = readGolden('micro-m3').texts;
const asLines = (texts: readonly string[]) => texts.map((text) => `${JSON.stringify(text)}\n`).join('');
const temporary = mkdtempSync(join(tmpdir(), 'm3edge-cli-'));
afterAll(() => rmSync(temporary, { recursive: true }));

/** The user's mistake: exit code 2, and on stderr what is wrong with the fix. */
async function expectMistake(args: readonly string[], input: string | Uint8Array, words: readonly RegExp[]) {
  const { code, stderr } = await m3edge(args, input);
  expect(code).toBe(2);
  const message = stderr.slice(stderr.lastIndexOf('m3edge: '));
  for (const word of words) expect(message).toMatch(word);
  expect(message).not.toMatch(/\n {4}at /);
}

describe('m3edge encode', () => {
  it('prints an object a line, with the parts that were asked for', async () => {
    const plain = await m3edge(['encode', '--model', model], 'What is BGE M3?\nDefination of BM25\r\nlast');
    expect(plain.code).toBe(0);
    const lines = jsonLines(plain.stdout);
    expect(lines.map((line) => Object.keys(line))).toEqual(
      Array(3).fill(['index', 'dense_vecs', 'tokens', 'truncated']),
    );
    expect(lines.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(plain.stderr).toContain(`model: ${model}`);

    const all = await m3edge(['encode', '--model', model, '--sparse', '--colbert'], 'What is BGE M3?\n');
    const [line] = jsonLines(all.stdout);
    expect(Object.keys(line)).toEqual([
      'index',
      'dense_vecs',
      'lexical_weights',
      'colbert_vecs',
      'tokens',
      'truncated',
    ]);
    expect(line.dense_vecs).toEqual(lines[0].dense_vecs);
    expect(line.colbert_vecs).toHaveLength(line.tokens - 1);
  });

  it('reads texts with newlines as JSON strings', async () => {
    const { stdout } = await m3edge(['encode', '--model', model, '--json'], '"two\\nlines"\n"one"');
    expect(jsonLines(stdout)).toHaveLength(2);
  });

  it('cuts what is too long where it is told to, and keeps to --max-length', async () => {
    const { code, stdout } = await m3edge(
      ['encode', '--model', model, '--max-length', '8', '--truncate'],
      `${'many words in one line '.repeat(9)}\nfew\n`,
    );
    expect(code).toBe(0);
    expect(jsonLines(stdout).map(({ tokens, truncated }) => ({ tokens, truncated }))).toMatchObject([
      { tokens: 8, truncated: true },
      { truncated: false },
    ]);
  });

  it('answers a line before the next one comes, for a program that asks one by one', async () => {
    const child = startM3edge(['encode', '--model', model]);
    const answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    for (const index of [0, 1]) {
      child.stdin!.write(`text ${index}\n`);
      const { value } = await answers.next();
      expect(JSON.parse(value ?? '')).toMatchObject({ index });
    }
    child.stdin!.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('ends in silence when its reader has had enough', async () => {
    const command = `yes text | head -20000 | node cli/bin.js encode --model '${model}' | head -1`;
    const { stdout, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', command], { cwd: root, encoding: 'utf8' });
    expect(jsonLines(stdout)).toHaveLength(1);
    expect(stderr.trim()).toBe(`model: ${model} (--model)`);
  });

  it.each<[string, string | Uint8Array, RegExp[]]>([
    ['a text too long', 'ok\n'.padEnd(9000, 'long '), [/line 2/, /truncate/]],
    ['an empty line', 'a\n\nb\n', [/line 2/, /leave it out/]],
    ['an invisible line', 'a\n\u200b\n', [/line 2/, /leave it out/]],
    ['bytes that are no UTF-8', Uint8Array.of(0x61, 0x0a, 0xff, 0x0a), [/UTF-8/, /convert/]],
  ])('refuses %s', async (_, input, words) => {
    await expectMistake(['encode', '--model', model], input, words);
  });

  it.each([
    ['no JSON', 'text\n', [/line 1/]],
    ['no string', '"a"\n["b"]\n', [/line 2/]],
    ['half of a surrogate pair', '"a\\ud800"\n', [/line 1/, /surrogate/]],
  ])('--json refuses %s', async (_, input, words) => {
    await expectMistake(['encode', '--model', model, '--json'], input, words);
  });

  it('names the file of a damaged model', async () => {
    const damaged = join(temporary, 'damaged');
    cpSync(model, damaged, { recursive: true });
    const bytes = readFileSync(join(damaged, 'layer-01.bin'));
    bytes[1000]! ^= 1;
    writeFileSync(join(damaged, 'layer-01.bin'), bytes);
    await expectMistake(['encode', '--model', damaged], 'a\n', [/layer-01\.bin/, /m3edge model verify/]);
    rmSync(join(damaged, 'layer-01.bin'));
    await expectMistake(['encode', '--model', damaged], 'a\n', [/layer-01\.bin/, /convert/]);
  });
});

describe('m3edge score', () => {
  it('prints the five scores of each passage, the best for the query itself', async () => {
    const { code, stdout } = await m3edge(['score', '--model', model, '--query', 'a cat'], 'tax return\na cat\n雨\n');
    expect(code).toBe(0);
    const lines = jsonLines(stdout);
    expect(Object.keys(lines[0])).toEqual([
      'index',
      'dense',
      'sparse',
      'colbert',
      'sparse+dense',
      'colbert+sparse+dense',
    ]);
    expect(lines[1].dense).toBe(Math.max(...lines.map(({ dense }) => dense)));
  });

  it('weighs them', async () => {
    const args = ['score', '--model', model, '--query', 'a cat', '--weights', '0,0,1'];
    const [line] = jsonLines((await m3edge(args, 'a dog\n')).stdout);
    expect(line['colbert+sparse+dense']).toBe(line.colbert);
  });

  it.each(['1,1', '1,x,1', '1,-1,1', '0,0,0', '1,,1'])('refuses --weights %s', async (weights) => {
    await expectMistake(['score', '--model', model, '--query', 'q', '--weights', weights], 'a\n', [/--weights/]);
  });

  it('wants a query', async () => {
    await expectMistake(['score', '--model', model], 'a\n', [/--query/]);
    await expectMistake(['score', '--model', model, '--query', ' '], 'a\n', [/--query/]);
  });
});

describe('m3edge tokenize', () => {
  const input = asLines(golden.map(({ text }) => text));
  const idsIn = (output: string) => jsonLines(output).map(({ ids }) => ids);
  const { maxTokens } = readManifest(model).architecture;

  it('gives the ids of the reference, from a model and from its tokenizer.json', async () => {
    const fromModel = await m3edge(['tokenize', '--model', model, '--json'], input);
    const file = join(fixtureDirectory('micro-m3'), 'tokenizer.json');
    const fromFile = await m3edge(['tokenize', '--tokenizer', file, '--json'], input);
    expect(fromFile.stdout).toBe(fromModel.stdout);
    const ids = idsIn(fromModel.stdout);
    const short = golden.filter((text) => text.ids.length < maxTokens);
    expect(short.length).toBeGreaterThan(20);
    for (const [index, text] of golden.entries()) {
      if (text.ids.length < maxTokens) expect(ids[index]).toEqual(text.ids);
    }
  });

  it('gives an empty line the ids of an empty text', async () => {
    expect(idsIn((await m3edge(['tokenize', '--model', model], '\n')).stdout)).toEqual([[0, 2]]);
  });

  it('refuses a file that is no tokenizer', async () => {
    const file = join(temporary, 'tokenizer.json');
    writeFileSync(file, '{"model":');
    await expectMistake(['tokenize', '--tokenizer', file], 'a\n', [/tokenizer\.json/]);
    await expectMistake(['tokenize', '--tokenizer', file, '--model', model], 'a\n', [/exclude/]);
  });
});

describe('m3edge', () => {
  it.each<[string[], RegExp[]]>([
    [[], [/name a command/]],
    [['encod'], [/encod/, /encode/]],
    [
      ['encode', '--spars'],
      [/--spars/, /--sparse/],
    ],
    [['encode', '--model'], [/--model needs a value/]],
    [['encode', '--model', '--sparse'], [/--model needs a value/]],
    [['encode', '--sparse=yes'], [/takes no value/]],
    [['encode', 'text'], [/stdin/]],
    [['encode', '--max-length', '2'], [/--max-length/]],
    [
      ['encode', '--model', '/nowhere'],
      [/\/nowhere/, /m3edge model convert/],
    ],
    [['dev', '--port', 'x'], [/--port/]],
    [
      ['model', 'inf'],
      [/inf/, /info/],
    ],
  ])('%j is refused', async (args, words) => {
    await expectMistake(args, '', words);
  });

  it('takes MODEL from the environment', async () => {
    const { code, stderr } = await m3edge(['tokenize'], 'a\n', { MODEL: model });
    expect({ code, stderr }).toEqual({ code: 0, stderr: `model: ${model} (MODEL)\n` });
  });

  it('describes itself', async () => {
    const { stdout } = await m3edge(['--help']);
    for (const command of ['encode', 'score', 'tokenize', 'model', 'dev']) expect(stdout).toContain(command);
    expect((await m3edge(['score', '--help'])).stdout).toContain('--query');
    expect((await m3edge(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  const olderNode = '/usr/bin/node';
  it('says which Node it needs', (context) => {
    const version = spawnSync(olderNode, ['--version'], { encoding: 'utf8' }).stdout ?? '';
    const [, major = '99'] = /^v(\d+)/.exec(version) ?? [];
    context.skip(Number(major) >= 22, `${olderNode} is ${version.trim() || 'not there'}, no older Node to try`);
    let message = '';
    try {
      execFileSync(olderNode, ['cli/bin.js', 'encode'], { cwd: root, stdio: 'pipe' });
    } catch (error) {
      message = String((error as { stderr: Uint8Array }).stderr);
    }
    expect(message).toContain('Node 22.18');
  });
});
