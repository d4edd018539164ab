import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from './installation.ts';
import { UserError } from './user-error.ts';

/** Names the migrations that a state has; lies within the state, and goes with it. */
const MARKER = 'v3/d1/m3edge-migrations';

const ATTEMPTS = 3;

/**
 * Gives the database that `wrangler dev` keeps on disk its tables, by wrangler itself; where it has them, nothing is run.
 *
 * @param workspace Directory with the wrangler.toml.
 * @param state As `wrangler dev --persist-to` takes it.
 */
export async function migrateLocal(wrangler: string, workspace: string, state: string): Promise<void> {
  const wanted = readdirSync(join(projectRoot, 'migrations')).sort().join('\n');
  const marker = join(state, MARKER);
  if (readIfThere(marker) === wanted) return;
  const options = ['d1', 'migrations', 'apply', 'DOCUMENTS', '--local', '--persist-to', state, '--env', ''];
  const env = { ...process.env, CI: 'true', WRANGLER_SEND_METRICS: 'false', WRANGLER_HIDE_BANNER: 'true' };
  for (let attempt = 1; ; attempt++) {
    try {
      await promisify(execFile)(process.execPath, [wrangler, ...options], { cwd: workspace, env });
      break;
    } catch (cause) {
      if (readIfThere(marker) === wanted) return;
      if (attempt < ATTEMPTS) continue; // another `m3edge dev` may be at it
      const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string };
      throw new UserError(`the local database cannot be given its tables: ${stderr || stdout}`, { cause });
    }
  }
  mkdirSync(dirname(marker), { recursive: true });
  writeFileSync(marker, wanted);
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
