import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { buildVocabulary } from '../../cli/tokenizer/build.ts';
import { best, type Runner, type Spread, summarise, timeOnce } from '../measure.ts';
import { writeFigures } from '../write-figures.ts';
import { type Files, LIBRARIES, type Library } from './libraries.ts';
import { formatReport } from './report.ts';
import { type Subject, startSubject } from './start-subject.ts';
import { bytesOf, LANGUAGES, paragraphs, SHARED_DATA, WORST } from './texts.ts';
import { bundleTokenizerWorker, startTokenizerWorker, type TokenizerWorker } from './workerd.ts';

/**
 * Speed, load time and memory of this tokenizer and of others, on the same texts in the same run: `node bench/tokenizer/run.ts [ROUNDS]`. Prints tables, and
 * writes them into bench/tokenizer/README.md and all figures into bench/tokenizer/last.json.
 */

/** At the median of the rounds, and at both quartiles. */
export interface Speed {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export interface TokenizerResults {
  readonly date: string;
  readonly machine: string;
  readonly rounds: number;
  /** By subject, then language; `all` is one pass over all of them. Of CPU time where the system tells it. */
  readonly megabytesPerSecond: Readonly<Record<string, Readonly<Record<string, Speed>>>>;
  readonly load: Readonly<Record<string, { readonly loadMs: number; readonly memoryMB?: number }>>;
  /** Microseconds a KiB, by input, at `SMALL` and `LARGE` bytes. */
  readonly worst: Readonly<Record<string, readonly [small: number, large: number]>>;
}

const SMALL = 62_500;
const LARGE = 1_000_000;
const FRESH_ISOLATES = 7;
const directory = fileURLToPath(new URL('.', import.meta.url));

export async function runTokenizerBench(rounds: number): Promise<TokenizerResults> {
  const files = prepareFiles();
  execFileSync('npm', ['install', '--no-audit', '--no-fund'], { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
  bundleTokenizerWorker();
  const load: Record<string, { loadMs: number; memoryMB?: number }> = {};
  load['m3edge in workerd'] = { loadMs: await measureReady(files) };

  const subjects = new Map<Library, Subject>();
  const worker = await startTokenizerWorker();
  try {
    await worker.step('/file', readFileSync(files.vocabulary));
    await worker.step('/ready');
    for (const library of LIBRARIES) {
      const subject = await startSubject(library, files);
      subjects.set(library, subject);
      load[library] = subject.loaded;
    }
    const stands = [...subjects].map(([name, subject]) => subjectStand(name, subject));
    stands.push(workerStand(worker));
    const sets: Record<string, string[]> = { all: LANGUAGES.flatMap(paragraphs) };
    for (const language of LANGUAGES) sets[language] = paragraphs(language);
    for (const stand of stands) for (const [name, texts] of Object.entries(sets)) await stand.take(name, texts);
    const megabytesPerSecond: Record<string, Record<string, Speed>> = {};
    const names = Object.keys(sets);
    for (const [index, set] of names.entries()) {
      const times = await measure(stands, set, names.at(index - 1)!, rounds);
      for (const { name } of stands) {
        megabytesPerSecond[name] = { ...megabytesPerSecond[name], [set]: speedOf(bytesOf(sets[set]!), times[name]!) };
      }
    }
    const worst = await measureWorst(subjects.get('m3edge')!, rounds);
    return {
      date: new Date().toISOString().slice(0, 10),
      machine: `${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.versions.node}`,
      rounds,
      megabytesPerSecond,
      load,
      worst,
    };
  } finally {
    for (const subject of subjects.values()) subject.stop();
    await worker.stop();
  }
}

function prepareFiles(): Files {
  const path = (name: string) => fileURLToPath(new URL(`xlmr/${name}`, SHARED_DATA));
  const build = fileURLToPath(new URL('../../build/', import.meta.url));
  mkdirSync(build, { recursive: true });
  const vocabulary = `${build}bench-tokenizer.bin`;
  const tokenizerJson = path('tokenizer.json');
  const json: unknown = JSON.parse(readFileSync(tokenizerJson, 'utf8'));
  writeFileSync(vocabulary, buildVocabulary({ kind: 'tokenizer.json', json }));
  return { vocabulary, tokenizerJson, sentencepieceModel: path('sentencepiece.bpe.model') };
}

/** A tokenizer that has texts and can be told to encode them. */
interface Stand {
  readonly name: string;
  readonly pid: number;
  take(language: string, texts: readonly string[]): Promise<unknown>;
  encode(language: string): Promise<unknown>;
}

const subjectStand = (name: string, { pid, follow }: Subject): Stand => ({
  name,
  pid,
  take: (language, texts) => follow({ do: 'texts', name: language, texts }),
  encode: (language) => follow({ do: 'encode', name: language, repeat: 1 }),
});

const workerStand = ({ pid, step }: TokenizerWorker): Stand => ({
  name: 'workerd',
  pid,
  take: (language, texts) => step(`/texts?name=${language}`, JSON.stringify(texts)),
  encode: (language) => step(`/encode?name=${language}`),
});

/**
 * Milliseconds of each. The rounds are interleaved; before each run another set is encoded, as two of the libraries, ours among them, remember words, and
 * fresh texts do not repeat themselves.
 */
async function measure(
  stands: readonly Stand[],
  set: string,
  before: string,
  rounds: number,
): Promise<Record<string, Spread>> {
  const runs = new Map(stands.map(({ name }) => [name, [] as Awaited<ReturnType<typeof timeOnce>>[]]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, pid, encode } of stands) {
      await encode(before === 'all' ? 'en' : before);
      runs.get(name)!.push(await timeOnce({ name, pid, run: () => encode(set) }));
    }
  }
  return Object.fromEntries([...runs].map(([name, times]) => [name, best(summarise(times))]));
}

const speedOf = (bytes: number, { median, low, high }: Spread): Speed => ({
  median: bytes / median / 1000,
  low: bytes / high / 1000,
  high: bytes / low / 1000,
});

async function spreadOf(runner: Runner, rounds: number): Promise<Spread> {
  const runs = [];
  for (let round = 0; round < rounds; round++) runs.push(await timeOnce(runner));
  return best(summarise(runs));
}

/** Milliseconds from bytes in memory to the first ids, in isolates that have just started; a request that does nothing is taken off. */
async function measureReady({ vocabulary }: Files): Promise<number> {
  const bytes = readFileSync(vocabulary);
  const times: number[] = [];
  for (let i = 0; i < FRESH_ISOLATES; i++) {
    const worker = await startTokenizerWorker();
    await worker.step('/file', bytes);
    const timed = async (path: string) => {
      const start = performance.now();
      await worker.step(path);
      return performance.now() - start;
    };
    const idle = Math.min(await timed('/idle'), await timed('/idle'), await timed('/idle'));
    times.push((await timed('/ready')) - idle);
    await worker.stop();
  }
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!;
}

async function measureWorst(subject: Subject, rounds: number): Promise<Record<string, [number, number]>> {
  const measured: Record<string, [number, number]> = {};
  for (const [name, make] of Object.entries(WORST)) {
    const at: number[] = [];
    for (const [size, repeat] of [
      [SMALL, 32],
      [LARGE, 2],
    ] as const) {
      const text = make(size);
      const set = `${name} ${size}`;
      await subject.follow({ do: 'texts', name: set, texts: [text] });
      const run = () => subject.follow({ do: 'encode', name: set, repeat });
      const { median } = await spreadOf({ name, pid: subject.pid, run }, rounds);
      at.push((median * 1000) / ((bytesOf([text]) * repeat) / 1024));
    }
    measured[name] = [at[0]!, at[1]!];
  }
  return measured;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (existsSync(SHARED_DATA)) {
    const results = await runTokenizerBench(Number(process.argv[2] ?? 9));
    writeFileSync(`${directory}last.json`, `${JSON.stringify(results, null, 2)}\n`);
    const report = formatReport(results);
    console.log(report);
    writeFigures(new URL('README.md', import.meta.url), report);
  } else {
    console.log(`skipped: ${fileURLToPath(SHARED_DATA)} is not here; it holds XLM-R's vocabulary and the texts`);
  }
}
