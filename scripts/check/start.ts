import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Finding } from '../check.ts';
import { STRANGER_ENVIRONMENT as env } from '../stranger-environment.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const PORT = 8919;
const WANTED_MS = 5000;
const PATIENCE_MS = 60_000;
const BETWEEN_TRIES_MS = 20;

/** How long a stranger waits: the last commit, cloned and installed, from `npm start` to the first answer. Needs the registry, or npm's cache of it. */
export async function* check(): AsyncGenerator<Finding> {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-start-'));
  const clone = join(directory, 'clone');
  const run = (program: string, args: readonly string[], cwd: string) =>
    execFileSync(program, args, { cwd, env, encoding: 'utf8', stdio: 'pipe' });
  let server: ChildProcess | undefined;
  try {
    run('git', ['clone', '--quiet', root, clone], directory);
    run('npm', ['install', '--prefer-offline'], clone);
    const started = performance.now();
    server = spawn('npm', ['start', '--', '--port', String(PORT)], {
      cwd: clone,
      env,
      stdio: 'ignore',
      detached: true,
    });
    const vector = await firstAnswer(started);
    const elapsed = performance.now() - started;
    yield {
      claim: `the first /encode is answered within ${WANTED_MS / 1000} s of npm start, in an empty clone`,
      figure: `${vector.length} numbers after ${(elapsed / 1000).toFixed(2)} s, Node ${run('node', ['--version'], clone).trim()} outside`,
      verdict: elapsed <= WANTED_MS ? 'ok' : 'short',
    };
  } finally {
    if (server?.pid) {
      process.kill(-server.pid, 'SIGINT');
      await sleep(1000);
    }
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function firstAnswer(started: number): Promise<readonly number[]> {
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ texts: ['What is BGE M3?'] }),
  };
  while (performance.now() - started < PATIENCE_MS) {
    try {
      const response = await fetch(`http://localhost:${PORT}/encode`, request);
      if (response.ok) return ((await response.json()) as { dense_vecs: number[][] }).dense_vecs[0]!;
    } catch {
      // nothing listens yet
    }
    await sleep(BETWEEN_TRIES_MS);
  }
  throw new Error(`no answer within ${PATIENCE_MS / 1000} s`);
}
