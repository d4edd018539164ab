import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runHostileCases } from './hostile.ts';

it('reads or refuses 600 mutated checkpoint and manifest files, and leaves nothing behind (100,000: npm run check hostile)', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-hostile-'));
  try {
    const { failures, accepted } = await runHostileCases(600, 1, directory, 20);
    expect(failures).toEqual([]);
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(300);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
