import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stageModel } from '../../cli/stage-model.ts';
import type { Finding } from '../check.ts';
import { STRANGER_ENVIRONMENT as env } from '../stranger-environment.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const PORT = 8917;
const PATIENCE_MS = 60_000;
const TEXT = 'What is BGE M3?';

/** Issue 3: `npm pack`, installed into an empty folder, answers. Needs the registry, or npm's cache of it. */
export async function* check(): AsyncGenerator<Finding> {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-package-'));
  const app = join(directory, 'app');
  mkdirSync(app);
  const run = (program: string, args: readonly string[], options: { cwd?: string; input?: string } = {}) =>
    execFileSync(program, args, { cwd: app, env, encoding: 'utf8', stdio: 'pipe', ...options });
  try {
    const [packed] = JSON.parse(
      execFileSync('npm', ['pack', '--json', '--pack-destination', directory], {
        cwd: root,
        encoding: 'utf8',
        stdio: 'pipe',
      }),
    );
    yield {
      claim: 'npm pack makes a package',
      figure: `${megabytes(packed.size)} packed, ${megabytes(packed.unpackedSize)} in ${packed.entryCount} files`,
      verdict: 'ok',
    };

    const outside = run('node', ['--version']).trim();
    let started = performance.now();
    run('npm', ['install', '--prefer-offline', join(directory, packed.filename)]);
    yield {
      claim: `installs into an empty folder, with Node ${outside} outside`,
      figure: `${seconds(started)}, ${run('du', ['-sm', 'node_modules']).split('\t')[0]} MB of node_modules`,
      verdict: 'ok',
    };

    started = performance.now();
    const line = run('npx', ['m3edge', 'encode'], { input: `${TEXT}\n` });
    const { dense_vecs, tokens } = JSON.parse(line);
    yield {
      claim: 'm3edge encode answers there, with the model that comes along',
      figure: `${dense_vecs.length} numbers for ${tokens} tokens after ${seconds(started)}`,
      verdict: isUnit(dense_vecs) ? 'ok' : 'short',
    };

    yield await checkDev(app, line);

    const bundled = bundleOwnWorker(app, run);
    yield {
      claim: "a Worker of one's own that exports what m3edge/worker exports is bundled by wrangler",
      figure: bundled,
      verdict: /kernel-relaxed\.wasm/.test(bundled) ? 'ok' : 'short',
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function checkDev(app: string, line: string): Promise<Finding> {
  const started = performance.now();
  const server = spawn('npx', ['m3edge', 'dev', '--port', String(PORT)], { cwd: app, env, detached: true });
  let output = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk) => (output += chunk));
  const answer = (await untilAnswered(server)) ?? `no answer, but\n${output}`;
  const elapsed = seconds(started);
  if (server.exitCode === null) process.kill(-server.pid!, 'SIGTERM');
  await sleep(3000); // wrangler ends workerd
  return {
    claim: 'm3edge dev answers /encode there, as m3edge encode did',
    figure: `${answer === line ? 'the same bytes' : answer} after ${elapsed}`,
    verdict: answer === line ? 'ok' : 'short',
  };
}

async function untilAnswered(server: ChildProcess): Promise<string | undefined> {
  const end = performance.now() + PATIENCE_MS;
  while (performance.now() < end && server.exitCode === null) {
    const response = await fetch(`http://127.0.0.1:${PORT}/encode`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/x-ndjson' },
      body: JSON.stringify({ texts: [TEXT] }),
    }).catch(() => undefined);
    if (response?.ok) return response.text();
    await sleep(200);
  }
  return undefined;
}

/** @returns wrangler's list of modules. */
function bundleOwnWorker(app: string, run: (program: string, args: readonly string[]) => string): string {
  const packed = join(app, 'node_modules/m3edge/dist/package');
  stageModel(join(packed, 'model-shards/demo'), join(app, 'dist/assets'));
  const settings = readFileSync(join(packed, 'wrangler.toml'), 'utf8').replace('src/worker.js', 'worker.js');
  writeFileSync(join(app, 'wrangler.toml'), settings);
  writeFileSync(join(app, 'worker.js'), "export * from 'm3edge/worker';\nexport { default } from 'm3edge/worker';\n");
  run('npx', ['wrangler', 'deploy', '--dry-run', '--outdir', 'out']);
  return readdirSync(join(app, 'out'))
    .filter((name) => /\.(js|wasm)$/.test(name))
    .join(', ');
}

const isUnit = (vector: readonly number[]) => Math.abs(Math.hypot(...vector) - 1) < 1e-5; // printed as float32
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
const seconds = (started: number) => `${((performance.now() - started) / 1000).toFixed(1)} s`;
