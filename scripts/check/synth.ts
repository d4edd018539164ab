import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Finding } from '../check.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const xlmr = join(root, '../shared/data/xlmr/tokenizer.json');
const MAX_SECONDS = 60;
const MAX_BYTES = 1e9;

/** `m3edge model synth`, 24 layers of both presets. */
export async function* check(): AsyncGenerator<Finding> {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-synth-'));
  try {
    for (const preset of ['q8', 'q4']) {
      const args = ['cli/bin.js', 'model', 'synth', '--out', join(directory, preset), '--quant', preset];
      if (existsSync(xlmr)) args.push('--tokenizer', xlmr);
      const started = performance.now();
      const { status, stderr } = spawnSync(process.execPath, ['--import', REPORT_MEMORY, ...args], {
        cwd: root,
        encoding: 'utf8',
      });
      const seconds = (performance.now() - started) / 1000;
      const residentBytes = Number(/resident (\d+)/.exec(stderr)?.[1] ?? Number.NaN) * 1024;
      yield {
        claim: `synth ${preset}, 24 layers: under ${MAX_SECONDS} s and ${MAX_BYTES / 1e9} GB`,
        figure: `${seconds.toFixed(1)} s, ${(residentBytes / 1e6).toFixed(0)} MB at most`,
        verdict: status === 0 && seconds < MAX_SECONDS && residentBytes < MAX_BYTES ? 'ok' : 'short',
      };
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A module that prints the largest resident set, in KiB, as the process ends. */
const REPORT_MEMORY = `data:text/javascript,process.on('exit',()=>process.stderr.write('resident '+process.resourceUsage().maxRSS))`;
