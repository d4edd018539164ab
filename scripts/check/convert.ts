import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Finding } from '../check.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const MAX_BYTES = 1.5e9;
/** On two cores. */
const MAX_SECONDS = { nearest: 6 * 60, calibrated: 25 * 60 } as const;

/** A checkpoint with BGE-M3's shapes, 2.27 GB of random float32 in a torch zip, converted. Needs 4 GB of room for temporary files. */
export async function* check(): AsyncGenerator<Finding> {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-convert-'));
  const checkpoint = join(directory, 'checkpoint');
  try {
    const made = spawnSync(process.execPath, ['scripts/make-checkpoint.ts', checkpoint], {
      cwd: root,
      stdio: 'inherit',
    });
    if (made.status !== 0) throw new Error('scripts/make-checkpoint.ts failed');
    for (const rounding of ['nearest', 'calibrated'] as const) {
      for (const quant of rounding === 'nearest' ? ['q8', 'q4'] : ['q8', 'q4', 'auto']) {
        const started = performance.now();
        const options = ['--out', join(directory, 'model'), '--quant', quant, '--rounding', rounding];
        if (quant === 'auto') options.push('--budget', '200MB');
        const { status, stderr } = spawnSync(
          process.execPath,
          ['--import', REPORT_MEMORY, 'cli/bin.js', 'model', 'convert', checkpoint, ...options],
          { cwd: root, encoding: 'utf8' },
        );
        const seconds = (performance.now() - started) / 1000;
        const residentBytes = Number(/resident (\d+)/.exec(stderr)?.[1] ?? Number.NaN) * 1024;
        if (status !== 0) throw new Error(stderr);
        const isGood = seconds <= MAX_SECONDS[rounding] && residentBytes < MAX_BYTES;
        yield {
          claim: `convert 2.3 GB to ${quant}, rounding ${rounding}: at most ${MAX_SECONDS[rounding] / 60} minutes, under ${MAX_BYTES / 1e9} GB`,
          figure: `${seconds.toFixed(0)} s on ${availableParallelism()} cores, ${(residentBytes / 1e6).toFixed(0)} MB at most`,
          verdict: isGood ? 'ok' : 'short',
        };
      }
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A module that prints the largest resident set, in KiB, as the process ends. */
const REPORT_MEMORY = `data:text/javascript,process.on('exit',()=>process.stderr.write('resident '+process.resourceUsage().maxRSS))`;
