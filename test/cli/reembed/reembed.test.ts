import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createNodeEmbedder } from '../../../cli/node-embedder.ts';
import { planTasks } from '../../../cli/reembed/embed-documents.ts';
import { createPool } from '../../../cli/reembed/pool.ts';
import { type ReembedOptions, reembedFile } from '../../../cli/reembed/reembed.ts';
import type { Embedder } from '../../../src/embedder.ts';
import { VISIBLE } from '../../../src/text-rules.ts';
import { seededRandom } from '../../random.ts';
import { modelDirectory, readGolden } from '../../support/models.ts';
import { jsonLines } from '../../support/run-command.ts';

const model = modelDirectory('micro-m3', 'q8');
const golden = readGolden('micro-m3').texts.filter(({ text }) => VISIBLE.test(text) && text.isWellFormed());
/** Three windows of one thread. */
const texts = Array.from({ length: 400 }, (_, i) => `${i} ${golden[i % golden.length]!.text.slice(0, 600)}`);
const documents = texts.map((text, i) => ({ id: `d${i}`, text, ...(i % 2 === 0 && { metadata: { i } }) }));
const asLines = (values: readonly unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');

const directory = mkdtempSync(join(tmpdir(), 'm3edge-reembed-'));
const from = join(directory, 'docs.ndjson');
const to = join(directory, 'vectors.ndjson');
const remove = () => rmSync(to, { force: true });
let embedder: Embedder;
let options: ReembedOptions;
let pool: ReturnType<typeof createPool>;
beforeAll(async () => {
  vi.spyOn(process.stderr, 'write').mockReturnValue(true); // progress
  embedder = await createNodeEmbedder(model);
  options = { colbert: false, truncate: true, maxTokens: 100, threads: 1 };
  pool = createPool(2, { model, ...options });
});
afterAll(async () => {
  await pool.close();
  rmSync(directory, { recursive: true });
});

const run = (changes: Partial<ReembedOptions> = {}) =>
  reembedFile(embedder, pool, from, to, { ...options, ...changes });
/** Runs from the beginning. @returns The output. */
async function runWhole(): Promise<string> {
  remove();
  writeFileSync(from, asLines(documents));
  await run();
  return readFileSync(to, 'utf8');
}

describe('reembedFile', () => {
  it('writes what the engine gives for each document by itself, in their order', async () => {
    const lines = jsonLines(await runWhole());
    expect(lines.map(({ id, metadata }) => ({ id, ...(metadata && { metadata }) }))).toEqual(
      documents.map(({ text: _, ...rest }) => rest),
    );
    for (const [index, line] of lines.entries()) {
      if (index % 10 > 0) continue;
      const [alone] = await embedder.embed([texts[index]!], {
        dense: true,
        sparse: true,
        truncate: true,
        maxTokens: 100,
      });
      const bytes = Buffer.from(line.dense_vecs, 'base64');
      expect([...new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)]).toEqual([...alone!.dense!]);
      const weights = new Map(Object.entries(line.lexical_weights).map(([id, weight]) => [Number(id), weight]));
      expect(weights.size).toBe(alone!.lexicalWeights!.size);
      for (const [id, weight] of alone!.lexicalWeights!) expect(Math.fround(weights.get(id) as number)).toBe(weight);
      expect(line).toMatchObject({
        fingerprint: embedder.fingerprint,
        tokens: alone!.tokenIds.length,
        truncated: alone!.truncated,
      });
    }
  });

  it('goes on to the same bytes from wherever its output ends', async () => {
    const whole = await runWhole();
    const bytes = Buffer.from(whole);
    const random = seededRandom(8);
    const lineEnds = [...bytes.entries()].filter(([, byte]) => byte === 0x0a).map(([at]) => at);
    const cuts = Array.from({ length: 20 }, () => Math.floor(random() * bytes.length));
    for (const cut of [0, 1, lineEnds[3]!, lineEnds[3]! + 1, lineEnds[4]! - 1, bytes.length - 1, ...cuts]) {
      writeFileSync(to, bytes.subarray(0, cut));
      await run();
      expect(readFileSync(to, 'utf8') === whole, `cut at ${cut}`).toBe(true);
    }
  });

  it('leaves a finished output alone, and adds what the input has gained', async () => {
    const whole = await runWhole();
    await run();
    expect(readFileSync(to, 'utf8')).toBe(whole);
    writeFileSync(from, asLines([...documents, { id: 'new', text: 'gained' }]));
    await run();
    const grown = readFileSync(to, 'utf8');
    expect(grown.startsWith(whole)).toBe(true);
    expect(jsonLines(grown.slice(whole.length))).toMatchObject([{ id: 'new' }]);
  });

  it('passes over empty lines of the input', async () => {
    const whole = await runWhole();
    writeFileSync(from, `\n${asLines(documents).replaceAll('\n', '\n\r\n')}`);
    writeFileSync(to, whole.slice(0, whole.length / 2));
    await run();
    expect(readFileSync(to, 'utf8')).toBe(whole);
  });

  /** What is left of the output when a run is refused is all of it. */
  async function expectRefusal(words: RegExp, changes: Partial<ReembedOptions> = {}) {
    const before = readFileSync(to, 'utf8');
    await expect(run(changes)).rejects.toThrow(words);
    expect(readFileSync(to, 'utf8')).toBe(before);
  }

  it.each<[string, readonly unknown[], RegExp]>([
    [
      'another id',
      [{ ...documents[0], id: 'x' }, ...documents.slice(1)],
      /line 1 is not the document of line 1.*remove/,
    ],
    ['another text', [documents[0], { ...documents[1], text: 'x' }], /line 2 was made from another text.*remove/],
    ['other metadata', [{ ...documents[0], metadata: {} }], /line 1 was made from another text or other metadata/],
    ['fewer documents', documents.slice(0, 9), /has more lines than .*docs.ndjson has documents; .*remove/],
  ])('refuses an output of %s, and leaves it as it is', async (_, changed, words) => {
    await runWhole();
    writeFileSync(from, asLines(changed));
    await expectRefusal(words);
  });

  it('refuses an output of another model, with ColBERT vectors, of another length, or of something else', async () => {
    const whole = await runWhole();
    writeFileSync(to, whole.replaceAll(embedder.fingerprint, 'fedcba9876543210'));
    await expectRefusal(/line 1 was made by another model: fingerprint fedcba9876543210, .*remove/);
    writeFileSync(to, whole);
    await expectRefusal(/line 1 has no ColBERT vectors.*remove/, { colbert: true });
    await expectRefusal(/was made with another --max-length than 90; .*remove/, { maxTokens: 90 });
    writeFileSync(to, 'my only copy of something');
    await expectRefusal(/line 1 .*remove/);
    writeFileSync(to, whole.replace('"truncated":false}', '"truncated":fals\0}'));
    await expectRefusal(/is damaged.*remove/);
  });

  it('says what is wrong with any line before anything is computed', async () => {
    remove();
    writeFileSync(from, `${asLines(documents)}{"id":"a"}\n`);
    await expect(run()).rejects.toThrow(new RegExp(`^line ${documents.length + 1}: text`));
    writeFileSync(from, asLines([...documents, { id: 'long', text: 'many words '.repeat(99) }]));
    await expect(run({ truncate: false, maxTokens: 100 })).rejects.toThrow(/^line \d+ has more than 100 tokens/);
    expect(() => readFileSync(to)).toThrow(/ENOENT/);
  });

  it('writes what was done before a document that the engine refuses', async () => {
    remove();
    const short = Array.from({ length: 400 }, (_, i) => ({ id: `s${i}`, text: `short text ${i} `.repeat(8) }));
    writeFileSync(from, asLines([...short, { id: 'long', text: 'many words '.repeat(300) }]));
    const refusing = createPool(2, { model, ...options, truncate: false, maxTokens: 300 });
    try {
      const words = new RegExp(`^line ${short.length + 1} has more than 300 tokens`);
      await expect(reembedFile(embedder, refusing, from, to, { ...options, maxTokens: 300 })).rejects.toThrow(words);
    } finally {
      await refusing.close();
    }
    const done = jsonLines(readFileSync(to, 'utf8'));
    expect(done.length).toBeGreaterThan(50);
    expect(done.map(({ id }) => id)).toEqual(short.slice(0, done.length).map(({ id }) => id));
  });

  it('fails where a thread fails, and does not hang', async () => {
    const broken = createPool(2, { model: join(directory, 'nowhere'), ...options });
    remove();
    writeFileSync(from, asLines(documents));
    await expect(reembedFile(embedder, broken, from, to, options)).rejects.toThrow(/nowhere.*m3edge model convert/);
    await broken.close();
  });
});

describe('planTasks', () => {
  it('fills passes, longest texts first, and gives a long text one of its own', () => {
    expect(planTasks([100, 9000, 4000, 50])).toEqual([[1], [2], [0, 3]]);
    expect(planTasks([])).toEqual([]);
  });
});
