import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { planModel } from '../cli/convert/convert.ts';
import { buildTokenizer, readTokenizerFile } from '../cli/convert/tokenizer.ts';
import { FULL_SIZE } from '../cli/synth/synth.ts';
import { createEncoder } from '../src/engine/encoder.ts';
import { createLayerSlots } from '../src/engine/layer-slots.ts';
import { PAGE_BUFFERS, STREAM_SLOTS } from '../src/engine/memory-plan.ts';
import { expectedFiles } from '../src/format/expected-files.ts';
import { layerFile } from '../src/format/layout.ts';
import type { Manifest } from '../src/format/manifest.ts';
import { createKernel } from '../src/kernel/kernel.ts';
import { LIMITS } from '../src/limits.ts';
import { createTokenizer, type Tokenizer } from '../src/tokenizer/tokenizer.ts';
import { parseVocabulary } from '../src/tokenizer/vocabulary.ts';
import { KERNEL_MODULES } from '../test/support/kernel-modules.ts';

/**
 * Writes the tables of docs/streaming.md between their marks: what BGE-M3 reads for a query and for a text of 512 tokens, by language. Needs
 * XLM-R's tokenizer and XQuAD's paragraphs in ../shared/data.
 *
 *   node scripts/page-reads.ts
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const data = join(root, '../shared/data');
const DOCUMENT = join(root, 'docs/streaming.md');
const LANGUAGES = ['en', 'de', 'es', 'ro', 'tr', 'vi', 'ru', 'el', 'ar', 'hi', 'th', 'zh'] as const;
const PAGE_ROWS = [16, 64, 256] as const;
const LENGTHS = { query: 16, text: 512 } as const;

if (!existsSync(data)) {
  console.error(`${data} is not there: nothing to count`);
  process.exit(2);
}

const tokenizer = createTokenizer(
  parseVocabulary(buildTokenizer(readTokenizerFile(join(data, 'xlmr/tokenizer.json'))).bytes),
);

/** Texts of exactly so many tokens, cut from a language's paragraphs; each paragraph is used once. */
function textsOf(language: string, tokens: number): Uint32Array[] {
  const paragraphs = readFileSync(join(data, 'corpora/xquad', `${language}.txt`), 'utf8')
    .trimEnd()
    .split('\n');
  const texts: Uint32Array[] = [];
  for (let first = 0; first < paragraphs.length; ) {
    let text = '';
    let ids: Uint32Array;
    do {
      text += ` ${paragraphs[first++]}`;
      ids = tokenizer.encode(text, { maxTokens: tokens }).ids;
    } while (ids.length < tokens && first < paragraphs.length);
    if (ids.length === tokens) texts.push(ids);
  }
  return texts;
}

/** Rows ordered by the script of the piece's letters, scripts by their first id, and by id within a script. */
function rowsByScript({ vocabularySize, piece }: Tokenizer): Uint32Array {
  const scripts = [
    'Latin',
    'Cyrillic',
    'Greek',
    'Arabic',
    'Hebrew',
    'Devanagari',
    'Bengali',
    'Tamil',
    'Telugu',
    'Thai',
  ];
  scripts.push('Han', 'Hiragana', 'Katakana', 'Hangul', 'Georgian', 'Armenian', 'Ethiopic', 'Khmer', 'Lao', 'Myanmar');
  scripts.push('Sinhala', 'Gujarati', 'Gurmukhi', 'Kannada', 'Malayalam', 'Oriya');
  const tests = scripts.map((script) => new RegExp(`\\p{Script=${script}}`, 'u'));
  const groups = Array.from({ length: scripts.length + 1 }, (): number[] => []);
  for (let id = 0; id < vocabularySize; id++) {
    const script = tests.findIndex((test) => test.test(piece(id)));
    groups.at(script)!.push(id); // -1: none of these, the last group
  }
  const rows = new Uint32Array(vocabularySize);
  let row = 0;
  for (const group of groups) for (const id of group) rows[id] = row++;
  return rows;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const pagesOf = (ids: Uint32Array, pageRows: number, rows?: Uint32Array) =>
  new Set([...ids].map((id) => Math.floor((rows ? rows[id]! : id) / pageRows)));

/** Distinct pages, on average, as `id order (script order)` for each page size. */
function pageCells(texts: readonly Uint32Array[], rows: Uint32Array): string[] {
  return PAGE_ROWS.map((pageRows) => {
    const [byId, byScript] = [undefined, rows].map((order) =>
      mean(texts.map((ids) => pagesOf(ids, pageRows, order).size)),
    );
    return `${byId!.toFixed(0)} (${byScript!.toFixed(0)})`;
  });
}

/** What a pass reads in a warm isolate, with the model's own pages and hot pages. */
function planReads(preset: 'q8' | 'q4', tokens: number) {
  const manifest = { ...planModel(FULL_SIZE, preset), files: {} } as unknown as Manifest;
  const never = async () => {
    throw new Error('only planning');
  };
  const encoder = createEncoder({
    manifest,
    shards: { readInto: never },
    kernel: createKernel(KERNEL_MODULES, LIMITS.planBytes),
    planBytes: LIMITS.planBytes,
    wait: never,
  });
  const { slotCount, hotWords, hotPositions } = encoder.plan([tokens]);
  const bytes = new Map(expectedFiles(manifest));
  const { slotOf } = createLayerSlots(FULL_SIZE.layerCount);
  const layers = Array.from({ length: FULL_SIZE.layerCount }, (_, layer) => layer);
  const streamed = layers.filter((layer) => slotOf(layer, slotCount) >= slotCount - STREAM_SLOTS).map(layerFile);
  const lastPosition = Math.floor((tokens - 1 + FULL_SIZE.positionOffset) / manifest.positionTable.pageRows);
  return {
    pageRows: manifest.wordTable.pageRows,
    hotWords: hotWords.count,
    wordBytes: hotWords.pageBytes,
    positionReads: Math.max(0, lastPosition + 1 - hotPositions.count),
    positionBytes: hotPositions.pageBytes,
    layerReads: streamed.length,
    layerBytes: streamed.reduce((sum, name) => sum + bytes.get(name)!, 0),
  };
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(bytes < 10e6 ? 2 : 1);

function readsTable(): string[] {
  const rows = [
    '| language | query: reads | query: MB | 512 tokens: reads | 512 tokens: MB |',
    '| --- | --- | --- | --- | --- |',
  ];
  for (const language of LANGUAGES) {
    const cells = Object.values(LENGTHS).flatMap((tokens) => {
      const { pageRows, hotWords, wordBytes, positionReads, positionBytes } = planReads('q4', tokens);
      const cold = textsOf(language, tokens).map((ids) =>
        [...pagesOf(ids, pageRows)].filter((page) => page >= hotWords),
      );
      const words = mean(cold.map((pages) => pages.length));
      return [(words + positionReads).toFixed(0), megabytes(words * wordBytes + positionReads * positionBytes)];
    });
    rows.push(`| ${language} | ${cells.join(' | ')} |`);
  }
  return rows;
}

function layersTable(): string[] {
  const rows = [
    '| tokens in the pass | q8: layers read | q8: MB | q4: layers read | q4: MB |',
    '| --- | --- | --- | --- | --- |',
  ];
  for (const tokens of [16, 128, 512, 1024, 8192]) {
    const cells = (['q8', 'q4'] as const).flatMap((preset) => {
      const { layerReads, layerBytes } = planReads(preset, tokens);
      return [layerReads, megabytes(layerBytes)];
    });
    rows.push(`| ${tokens.toLocaleString('en')} | ${cells.join(' | ')} |`);
  }
  return rows;
}

function orderTable(): string[] {
  const byScript = rowsByScript(tokenizer);
  const sizes = PAGE_ROWS.map((rows) => `${rows} rows`);
  const rows = [
    `| language | ${sizes.map((size) => `query: ${size}`).join(' | ')} | ${sizes.map((size) => `512 tokens: ${size}`).join(' | ')} |`,
    `| --- |${' --- |'.repeat(2 * PAGE_ROWS.length)}`,
  ];
  for (const language of LANGUAGES) {
    const cells = Object.values(LENGTHS).flatMap((tokens) => pageCells(textsOf(language, tokens), byScript));
    rows.push(`| ${language} | ${cells.join(' | ')} |`);
  }
  return rows;
}

/** The source that issue 6 measures with, and reads under way at once. */
const SOURCE = { latencyMs: 25, bytesPerMs: 140_000, atOnce: PAGE_BUFFERS } as const;
const ROW_BYTES = FULL_SIZE.hiddenSize + 4;

/** What the pages of 512 tokens take to read from that source, in ms, by page size and order. */
function timesTable(): string[] {
  const byScript = rowsByScript(tokenizer);
  const { hotWords } = planReads('q4', LENGTHS.text);
  const timeOf = (pages: number, pageRows: number) =>
    Math.ceil(pages / SOURCE.atOnce) * SOURCE.latencyMs + (pages * pageRows * ROW_BYTES) / SOURCE.bytesPerMs;
  const rows = [
    '| language | 64 rows by id, 64 pages resident | 64 rows by id | 64 rows by script | 256 rows by id | 256 rows by script |',
    '| --- | --- | --- | --- | --- | --- |',
  ];
  for (const language of LANGUAGES) {
    const texts = textsOf(language, LENGTHS.text);
    const time = (pageRows: number, order?: Uint32Array, resident = 0) => {
      const reads = (ids: Uint32Array) => [...pagesOf(ids, pageRows, order)].filter((page) => page >= resident).length;
      return mean(texts.map((ids) => timeOf(reads(ids), pageRows))).toFixed(0);
    };
    const cells = [time(64, undefined, hotWords), time(64), time(64, byScript), time(256), time(256, byScript)];
    rows.push(`| ${language} | ${cells.join(' | ')} |`);
  }
  return rows;
}

/** Puts lines between `<!-- name -->` and `<!-- /name -->`. */
function replacePart(text: string, name: string, lines: readonly string[]): string {
  const marks = new RegExp(`(<!-- ${name} -->\\n)[^]*?(<!-- /${name} -->)`);
  if (!marks.test(text)) throw new Error(`${DOCUMENT}: no <!-- ${name} --> ... <!-- /${name} -->`);
  return text.replace(marks, `$1${lines.join('\n')}\n$2`);
}

let text = readFileSync(DOCUMENT, 'utf8');
const tables = { reads: readsTable(), layers: layersTable(), order: orderTable(), times: timesTable() };
for (const [name, lines] of Object.entries(tables)) {
  text = replacePart(text, name, lines);
}
writeFileSync(DOCUMENT, text);
console.log(`wrote the tables of ${DOCUMENT}`);
