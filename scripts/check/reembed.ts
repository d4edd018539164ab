import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSynth } from '../../cli/synth/synth.ts';
import { seededRandom } from '../../test/random.ts';
import type { Finding } from '../check.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Documents of each length, for some seconds of work a thread. */
const COUNTS = { 100: 60, 500: 12 };
/** More threads must bring at least this share of what as many would bring at best. */
const MIN_SCALING = 0.7;
const LAYERS = 24;

/** Bulk embedding with a model of BGE-M3's size: random weights take the same time as trained ones. */
export async function* check(): AsyncGenerator<Finding> {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-reembed-'));
  const model = join(directory, 'model');
  const threadCounts = [...new Set([1, availableParallelism()])];
  try {
    await writeSynth({ outDir: model, preset: 'q8', layerCount: LAYERS, seed: 1 });
    for (const [tokens, count] of Object.entries(COUNTS)) {
      let alone = Number.NaN;
      for (const threads of threadCounts) {
        const { minutes, cpuSeconds, residentBytes, meanTokens } = run(
          model,
          directory,
          Number(tokens),
          count * threads,
          threads,
        );
        const rate = (count * threads) / minutes;
        if (threads === 1) alone = rate;
        yield {
          claim: `m3edge reembed, ${LAYERS} layers q8, ${threads} thread${threads > 1 ? 's' : ''}, documents of ${tokens} tokens`,
          figure:
            `${rate.toFixed(0)} documents a minute, ${(cpuSeconds / (count * threads)).toFixed(2)} s of CPU each (${meanTokens.toFixed(0)} tokens), ` +
            `${(residentBytes / 1e6).toFixed(0)} MB resident`,
          verdict: rate >= MIN_SCALING * threads * alone ? 'ok' : 'short',
        };
      }
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A module that prints what the process has used as it ends; threads are asked nothing. */
const REPORT = `data:text/javascript,import { isMainThread } from 'node:worker_threads';
if (isMainThread) process.on('exit', () => process.stderr.write(JSON.stringify(process.resourceUsage())));`.replaceAll(
  '\n',
  '',
);

function run(model: string, directory: string, tokens: number, count: number, threads: number) {
  const [from, to] = [join(directory, 'docs.ndjson'), join(directory, 'vectors.ndjson')];
  rmSync(to, { force: true });
  writeFileSync(from, documents(tokens, count));
  const args = ['cli/bin.js', 'reembed', '--model', model, '--from', from, '--to', to, '--threads', String(threads)];
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ['--import', REPORT, ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  const minutes = (performance.now() - started) / 60_000;
  if (status !== 0) throw new Error(stderr);
  const { userCPUTime, systemCPUTime, maxRSS } = JSON.parse(stderr.slice(stderr.lastIndexOf('{')));
  const lines = readFileSync(to, 'utf8').trimEnd().split('\n');
  const meanTokens = lines.reduce((sum, line) => sum + JSON.parse(line).tokens, 0) / lines.length;
  return { minutes, cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, residentBytes: 1024 * maxRSS, meanTokens };
}

/** Words of three letters: pieces all over the made-up vocabulary, a token each or nearly so. */
function documents(tokens: number, count: number): string {
  const random = seededRandom(1);
  const letter = () => String.fromCharCode(97 + Math.floor(26 * random()));
  const word = () => letter() + letter() + letter();
  const lines = Array.from({ length: count }, (_, i) =>
    JSON.stringify({ id: `d${i}`, text: Array.from({ length: tokens - 2 }, word).join(' ') }),
  );
  return `${lines.join('\n')}\n`;
}
