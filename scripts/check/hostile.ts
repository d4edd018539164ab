import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runHostileCases } from '../../test/cli/checkpoint/hostile.ts';

const CASES = 100_000;
const HANG_MS = 1000;
/** A leak of 100 bytes a case would be 9 MB. */
const FLAT_BYTES = 8_000_000;

/** Issue 3: mutated checkpoint and manifest files. */
export async function* check(): AsyncGenerator<{ claim: string; figure: string; verdict: 'ok' | 'short' | 'skipped' }> {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-hostile-'));
  const stray: unknown[] = [];
  const onStray = (error: unknown) => stray.push(error);
  process.on('uncaughtException', onStray);
  process.on('unhandledRejection', onStray);
  try {
    const result = await runHostileCases(CASES, 1, directory);
    const failures = [...result.failures, ...stray.map(String)];
    for (const failure of failures.slice(0, 10)) console.error(failure);
    yield {
      claim: `${CASES} mutated checkpoint and manifest files: no crash, no hang over ${HANG_MS / 1000} s, no file written outside the output directory`,
      figure: `${failures.length} failures, ${result.accepted} files still good, slowest ${result.slowestMs.toFixed(0)} ms`,
      verdict: failures.length === 0 && result.cases === CASES && result.slowestMs < HANG_MS ? 'ok' : 'short',
    };
    yield {
      claim: 'memory flat meanwhile',
      figure: `live memory grew by ${(result.liveGrowthBytes / 1e6).toFixed(1)} MB from the first tenth to the end; resident at most ${(result.residentBytes / 1e6).toFixed(0)} MB`,
      verdict: result.liveGrowthBytes < FLAT_BYTES ? 'ok' : 'short',
    };
  } finally {
    process.off('uncaughtException', onStray);
    process.off('unhandledRejection', onStray);
    rmSync(directory, { recursive: true });
  }
}
