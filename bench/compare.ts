import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type RepeatedRunner, repeated, timeRepeated } from './bench.ts';
import { best } from './measure.ts';
import { createSyntheticModel, type Preset } from './model.ts';
import { PARTS } from './worker/layer-stand.ts';
import { type BenchWorker, buildBenchWorker, serveModels, startBenchWorker } from './workerd.ts';

/**
 * `node bench/compare.ts [--with REVISION] [--tokens 128] [--quant q8]`: the kernels as they are in the tree against those of a git revision, by default
 * the last commit. Times of one layer and its parts, in workerd, interleaved, and whether the layer's bits are the same.
 */

const ROUNDS = 9;

const { values } = parseArgs({
  options: {
    with: { type: 'string', default: 'HEAD' },
    tokens: { type: 'string', default: '128' },
    quant: { type: 'string', default: 'q8' },
  },
});
const { with: revision, tokens } = values;
const preset = values.quant as Preset;

const root = fileURLToPath(new URL('..', import.meta.url));
mkdirSync(join(root, '.m3edge'), { recursive: true });
const before = mkdtempSync(join(root, '.m3edge/compare-')); // below the project, where the compiler is found

const node = (directory: string, script: string) => execFileSync(process.execPath, [join(directory, script)]);

/** The revision's kernels, compiled by its own script, into `before`. */
function buildRevision(): void {
  const archive = execFileSync('git', ['archive', revision, 'assembly', 'scripts/build-kernel.ts'], { cwd: root });
  execFileSync('tar', ['x', '-C', before], { input: archive });
  node(before, 'scripts/build-kernel.ts');
}

async function runnersOf(workers: Readonly<Record<string, BenchWorker>>, work: string, name?: string) {
  const runners: RepeatedRunner[] = [];
  for (const [side, worker] of Object.entries(workers)) {
    runners.push(await repeated(side, worker, work, name === undefined ? {} : { name }));
  }
  return runners;
}

async function compare(workers: Readonly<Record<string, BenchWorker>>): Promise<void> {
  const digests = new Set<unknown>();
  for (const worker of Object.values(workers)) digests.add(await worker.run('digest', { tokens }));
  const same = 'the same bits';
  console.log(
    `one layer of ${tokens} tokens, ${preset}: ${digests.size === 1 ? same : 'OTHER BITS: raise NUMERICS_VERSION'}`,
  );
  console.log(
    `${'ms'.padEnd(12)}${Object.keys(workers)
      .map((side) => side.padStart(12))
      .join('')}   ratio`,
  );
  for (const part of ['layer', ...Object.keys(PARTS)]) {
    const runners = await (part === 'layer' ? runnersOf(workers, 'layer') : runnersOf(workers, 'part', part));
    const times = Object.values(await timeRepeated(runners, ROUNDS)).map((timing) => best(timing).median);
    const columns = times.map((ms) => ms.toFixed(3).padStart(12)).join('');
    console.log(`${part.padEnd(12)}${columns}${(times[1]! / times[0]!).toFixed(2).padStart(8)}`);
  }
}

const workers: Record<string, BenchWorker> = {};
try {
  buildRevision();
  node(root, 'scripts/build-kernel.ts');
  await buildBenchWorker();
  const models = await serveModels({ [preset]: createSyntheticModel(preset) });
  workers[revision] = await startBenchWorker('wasm', preset, models, join(before, 'build'));
  workers['the tree'] = await startBenchWorker('wasm', preset, models);
  await compare(workers);
  models.close();
} finally {
  for (const worker of Object.values(workers)) await worker.stop();
  rmSync(before, { recursive: true, force: true });
}
