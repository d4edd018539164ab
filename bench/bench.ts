import type { Server } from 'node:http';
import { cpus, release, type as systemName } from 'node:os';
import type { DotPath } from '../src/kernel/kernel.ts';
import { EXPECTED_ONNX_LAYER_MS, EXPECTED_PEAKS, LEAST_PEAK_SHARE, MOST_ONNX_FACTOR } from './expectations.ts';
import { best, interleave, type Runner, scaled, summarise, type Timing, timeOnce } from './measure.ts';
import { createSyntheticModel, type Preset } from './model.ts';
import { type NativePeer, startNativePeers } from './native-peers.ts';
import {
  ENGINES,
  type EngineName,
  type GemmResult,
  MODES,
  type Mode,
  PEAK_NAMES,
  type PeakName,
  passName,
  type Results,
  type TimesAt,
} from './results.ts';
import { PARTS } from './worker/layer-stand.ts';
import { type BenchWorker, buildBenchWorker, serveModels, startBenchWorker } from './workerd.ts';

const TOKENS = [1, 16, 128, 512, 2048, 8192] as const;
/** Rounds of whole passes; `onnx` takes more than a minute for one of 2,048 tokens. */
const PASS_ROUNDS: Readonly<Record<number, number>> = { 1: 15, 16: 15, 128: 9, 512: 5, 2048: 1 };
/** Rounds of one layer and of its parts. */
const LAYER_ROUNDS: Readonly<Record<number, number>> = { 1: 9, 16: 9, 128: 9, 512: 5, 2048: 3, 8192: 1 };
/** `onnx` holds a block's attention scores whole, and they grow with the text; in its Worker 512 tokens are the most. */
const MOST_ONNX_TOKENS: Readonly<Record<Mode, number>> = { resident: 2048, streamed: 512 };
/** Work is repeated until it takes about this long, so that a request's own cost does not count. */
const WORTHWHILE_MS = 100;
/** Some 100 ms of work. */
const GEMM_OPERATIONS = 2e10;
const FRESH_ISOLATES = 5;

export interface BenchOptions {
  /** Some of 1, 16, 128, 512, 2048, 8192; default all. */
  readonly tokens?: readonly number[];
  readonly native?: boolean;
  /** Told what is going on. */
  readonly say?: (line: string) => void;
}

/** Runs everything. Minutes: `bench/README.md`. */
export async function runBenchmarks(options: BenchOptions = {}): Promise<Results> {
  const { tokens: lengths = TOKENS, native = true, say = () => {} } = options;
  const notes: string[] = [];
  const note = (line: string): void => {
    notes.push(line);
    say(line);
  };
  say('building');
  await buildBenchWorker();
  const models = await serveModels({ q8: createSyntheticModel('q8'), q4: createSyntheticModel('q4') });
  const peers = native ? await startNativePeers(note) : [];
  const workers = await startEngines(models);
  try {
    const { dotPath } = (await workers['wasm q8'].run('about')) as { dotPath: DotPath };
    say('peaks and products');
    const peaks = await measurePeaks(workers['wasm q8']);
    const gemm = await measureGemm(workers, dotPath);
    say('first calls');
    const firstCall = await measureFirstCalls(models);
    const passes: TimesAt[] = [];
    for (const tokens of lengths.filter((length) => PASS_ROUNDS[length])) {
      say(`passes of ${tokens} tokens`);
      passes.push({ tokens, times: await interleave(passRunners(workers, peers, tokens), PASS_ROUNDS[tokens]!) });
    }
    say('layers');
    const layers = await measureLayers(workers, lengths);
    const parts = await measureParts(workers['wasm q8'], lengths);
    const results = { dotPath, contention: contentionOf(layers), passes, layers, parts, gemm, peaks, firstCall };
    for (const line of suspicions(results)) note(line);
    return {
      date: new Date().toISOString().slice(0, 10),
      machine: describeMachine(),
      runtimes: await describeRuntimes(),
      notes,
      ...results,
    };
  } finally {
    for (const worker of Object.values(workers)) await worker.stop();
    for (const peer of peers) peer.stop();
    models.close();
  }
}

type Workers = Readonly<Record<EngineName, BenchWorker>>;

const ENGINE_AND_PRESET: Readonly<Record<EngineName, readonly [engine: string, preset: Preset]>> = {
  'wasm q8': ['wasm', 'q8'],
  'wasm q4': ['wasm', 'q4'],
  'onnx int8': ['onnx', 'q8'],
};

async function startEngines(models: Server): Promise<Workers> {
  const started: [EngineName, BenchWorker][] = [];
  for (const name of ENGINES) started.push([name, await startBenchWorker(...ENGINE_AND_PRESET[name], models)]);
  return Object.fromEntries(started) as Record<EngineName, BenchWorker>;
}

function passRunners(workers: Workers, peers: readonly NativePeer[], tokens: number): Runner[] {
  const inWorkerd = ENGINES.flatMap((engine) =>
    MODES.filter((mode) => engine !== 'onnx int8' || tokens <= MOST_ONNX_TOKENS[mode]).map((mode) => ({
      name: passName(engine, mode),
      pid: workers[engine].pid,
      run: () => workers[engine].run('pass', { mode, tokens }),
    })),
  );
  return [...inWorkerd, ...peers.map(({ name, pid, runPass }) => ({ name, pid, run: () => runPass(tokens) }))];
}

export type RepeatedRunner = Runner & { readonly repeat: number };

/** Does `work` as often in one request as it takes for the request itself not to count, judged by one try. */
export async function repeated(
  name: string,
  worker: BenchWorker,
  work: string,
  query: Readonly<Record<string, string | number>> = {},
): Promise<RepeatedRunner> {
  const { pid } = worker;
  const runner = (repeat: number) => ({ name, pid, repeat, run: () => worker.run(work, { ...query, repeat }) });
  await runner(1).run();
  const { wall, cpu = wall } = await timeOnce(runner(1));
  return runner(Math.max(1, Math.ceil(WORTHWHILE_MS / cpu)));
}

export async function timeRepeated(runners: readonly RepeatedRunner[], rounds: number): Promise<TimesAt['times']> {
  const times = await interleave(runners, rounds);
  return Object.fromEntries(runners.map(({ name, repeat }) => [name, scaled(times[name]!, 1 / repeat)]));
}

/** Operations of one call of a loop in `assembly/peak.ts`. */
const PEAK_OPERATIONS: Readonly<Record<PeakName, number>> = {
  fused: 10_000 * 12 * 32,
  pairwise: 10_000 * 12 * 32,
  plain: 10_000 * 12 * 16,
  madd: 10_000 * 12 * 8,
};

/** Some 50 ms of the fastest loop: a request alone costs half a millisecond. */
const PEAK_CALLS = 3500;

function peakRunner(worker: BenchWorker, name: PeakName): RepeatedRunner {
  const repeat = PEAK_CALLS;
  return { name, pid: worker.pid, repeat, run: () => worker.run('peak', { name, repeat }) };
}

const peakGops = (name: PeakName, { repeat }: RepeatedRunner, timing: Timing): number =>
  (PEAK_OPERATIONS[name] * repeat) / (best(timing).median * 1e6);

async function measurePeaks(worker: BenchWorker): Promise<Record<PeakName, number>> {
  const runners = PEAK_NAMES.map((name) => peakRunner(worker, name));
  for (const { run } of runners) await run(); // until the optimised code is there
  const times = await interleave(runners, 9);
  const gops = PEAK_NAMES.map((name, index) => [name, peakGops(name, runners[index]!, times[name]!)]);
  return Object.fromEntries(gops) as Record<PeakName, number>;
}

/** Matrices by their name in a layer. */
const GEMM_MATRICES = { attentionOutput: [1024, 1024], intermediate: [4096, 1024], output: [1024, 4096] } as const;

/** The peak runs between the products, so that a share is of what the machine could do at the time. */
async function measureGemm(workers: Workers, dotPath: DotPath): Promise<GemmResult[]> {
  const results: GemmResult[] = [];
  const peak = peakRunner(workers['wasm q8'], dotPath);
  for (const rows of [16, 128]) {
    for (const [matrix, shape] of Object.entries(GEMM_MATRICES)) {
      const operations = 2 * rows * shape[0] * shape[1];
      const repeat = Math.ceil(GEMM_OPERATIONS / operations);
      const runners = (['wasm q8', 'wasm q4'] as const).map((name) => {
        const worker = workers[name];
        return { name, repeat, pid: worker.pid, run: () => worker.run('gemm', { matrix, repeat }) };
      });
      for (const { name } of runners) await workers[name].run('load', { tokens: rows });
      const times = await interleave([peak, ...runners], 9);
      const most = peakGops(dotPath, peak, times[dotPath]!);
      for (const { name } of runners) {
        const gops = (operations * repeat) / (best(times[name]!).median * 1e6);
        results.push({ preset: name.slice(-2), matrix: shape, rows, gops, share: gops / most });
      }
    }
  }
  return results;
}

async function measureLayers(workers: Workers, lengths: readonly number[]): Promise<TimesAt[]> {
  const layers: TimesAt[] = [];
  for (const tokens of lengths) {
    const runners: RepeatedRunner[] = [];
    for (const name of ENGINES.filter((name) => name !== 'onnx int8' || tokens <= MOST_ONNX_TOKENS.resident)) {
      await workers[name].run('load', { tokens });
      runners.push(await repeated(name, workers[name], 'layer'));
    }
    layers.push({ tokens, times: await timeRepeated(runners, LAYER_ROUNDS[tokens]!) });
  }
  return layers;
}

async function measureParts(worker: BenchWorker, lengths: readonly number[]): Promise<TimesAt[]> {
  const results: TimesAt[] = [];
  for (const tokens of lengths) {
    await worker.run('load', { tokens });
    const runners: RepeatedRunner[] = [];
    for (const name of Object.keys(PARTS)) runners.push(await repeated(name, worker, 'part', { name }));
    results.push({ tokens, times: await timeRepeated(runners, LAYER_ROUNDS[tokens]!) });
  }
  return results;
}

async function measureFirstCalls(models: Server) {
  const first: Awaited<ReturnType<typeof timeOnce>>[] = [];
  const warm: typeof first = [];
  for (let isolate = 0; isolate < FRESH_ISOLATES; isolate++) {
    const worker = await startBenchWorker('wasm', 'q8', models);
    try {
      await worker.run('load', { tokens: 128 });
      const layer = { name: 'layer', pid: worker.pid, run: () => worker.run('layer', { repeat: 1 }) };
      first.push(await timeOnce(layer));
      for (let i = 0; i < 20; i++) await layer.run();
      warm.push(await timeOnce(layer));
    } finally {
      await worker.stop();
    }
  }
  return { first: summarise(first), warm: summarise(warm) };
}

/** A layer waits for nothing: it takes on the wall what it takes of the CPU, where nobody else works. A pass waits for macrotasks. */
function contentionOf(layers: readonly TimesAt[]): number {
  const times = layers.flatMap((at) => Object.values(at.times));
  const excess = times.map(({ wall, cpu }) => (cpu ? wall.median / cpu.median - 1 : 0)).sort((a, b) => a - b);
  return excess[excess.length >> 1] ?? 0;
}

function* suspicions({ dotPath, peaks, layers }: Pick<Results, 'dotPath' | 'peaks' | 'layers'>): Generator<string> {
  for (const [name, expected] of Object.entries(EXPECTED_PEAKS[dotPath])) {
    const gops = peaks[name as PeakName];
    if (gops < LEAST_PEAK_SHARE * expected)
      yield `suspect: the ${name} peak is ${gops.toFixed(0)} GOP/s, ${expected} were seen on another CPU of this class`;
  }
  for (const { tokens, times } of layers) {
    const expected = EXPECTED_ONNX_LAYER_MS[tokens];
    const onnx = times['onnx int8'];
    if (expected && onnx && best(onnx).median > MOST_ONNX_FACTOR * expected)
      yield `suspect: onnx takes ${best(onnx).median.toFixed(1)} ms a layer at ${tokens} tokens, ${expected} were seen on another CPU`;
  }
}

function describeMachine(): string {
  const [cpu] = cpus();
  return `${cpu?.model.trim() ?? 'unknown CPU'}, ${cpus().length} cores, ${systemName()} ${release().split('-')[0]}`;
}

async function describeRuntimes(): Promise<string> {
  const { version } = (await import('workerd/package.json' as string, { with: { type: 'json' } })).default;
  return `workerd ${version}, onnxruntime-web 1.30.0, Node ${process.versions.node}`;
}
