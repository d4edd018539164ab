import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { findWrangler, projectRoot } from '../../cli/installation.ts';
import { migrateLocal } from '../../cli/migrate-local.ts';
import { stageModel } from '../../cli/stage-model.ts';
import { freePort } from './dev-server.ts';

/** What outlives its servers: a database on disk, and one directory of assets a model. */
export interface DocumentState {
  readonly directory: string;
  /** Stages a model. @returns Assets for a server. */
  stage(model: string): string;
  /** D1's own file, beside the server that has it open. */
  open(): DatabaseSync;
  remove(): void;
}

export async function createDocumentState(): Promise<DocumentState> {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-documents-'));
  const state = join(directory, 'state');
  await migrateLocal(state);
  const databases = join(state, 'v3/d1/miniflare-D1DatabaseObject');
  return {
    directory,
    stage(model) {
      const assets = mkdtempSync(join(directory, 'assets-'));
      stageModel(model, assets);
      return assets;
    },
    open() {
      const file = readdirSync(databases).find((name) => /^[0-9a-f]{64}\.sqlite$/.test(name))!;
      return new DatabaseSync(join(databases, file), { timeout: 5000 });
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

export interface DocumentServer {
  readonly url: string;
  /** The cron, now. */
  tick(): Promise<void>;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is looked at field by field
  json(method: string, path: string, body?: unknown): Promise<any>;
  import(lines: string | ReadableStream<Uint8Array>): Promise<{ lines: number; changed: number; refused: number }>;
  output(): string;
  /** CPU time of its workerd processes so far, and what they hold in memory. */
  usage(): { readonly cpuMs: number; readonly residentBytes: number };
  /** Ends the whole process group at once, by SIGKILL. */
  kill(): Promise<void>;
}

/** Nothing is waited for longer than this. */
const LEASE_SECONDS = 2;

/** `wrangler dev` with D1, queues and cron, in a process group of its own. */
export async function startDocumentServer(
  { directory }: DocumentState,
  assets: string,
  { vars = [], config }: { readonly vars?: readonly string[]; readonly config?: string } = {},
): Promise<DocumentServer> {
  const port = await freePort();
  const variables = ['ALLOW_ANONYMOUS:admin', 'ACCESS_LOG:off', `REEMBED_LEASE_SECONDS:${LEASE_SECONDS}`, ...vars];
  const options = [
    ...['--port', String(port), '--inspector-port', '0', '--env', '', '--show-interactive-dev-session=false'],
    ...['--assets', assets, '--persist-to', join(directory, 'state')],
    ...(config ? ['--config', config] : []),
    ...variables.flatMap((variable) => ['--var', variable]),
  ];
  const server = spawn(process.execPath, [findWrangler(), 'dev', ...options], {
    cwd: projectRoot,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' },
  });
  let output = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk) => (output += chunk));
  const kill = () => killGroup(server);
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilHealthy(url, server);
  } catch (cause) {
    await kill();
    throw new Error(`wrangler dev did not come up:\n${output}`, { cause });
  }
  return {
    url,
    kill,
    output: () => output,
    usage: () => usageOf(server.pid!),
    async tick() {
      await (await fetch(`${url}/cdn-cgi/handler/scheduled`)).text();
    },
    async json(method, path, body) {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(url + path, {
        method,
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
      return response.json();
    },
    async import(lines) {
      const headers = { 'content-type': 'application/x-ndjson' };
      const init = { method: 'POST', headers, body: lines, duplex: 'half' };
      const response = await fetch(`${url}/documents`, init as RequestInit);
      return (await response.json()) as { lines: number; changed: number; refused: number };
    },
  };
}

/** Of clock ticks, a hundred a second on Linux. */
const TICK_MS = 10;
const PAGE_BYTES = 4096;

/** Of the workerd processes of a group, by Linux's /proc. */
function usageOf(group: number) {
  let [ticks, pages] = [0, 0];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = readIfThere(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from the third on: man proc_pid_stat
    if (!stat.includes('(workerd)') || Number(fields[2]) !== group) continue;
    ticks += Number(fields[11]) + Number(fields[12]);
    pages += Number(fields[21]);
  }
  return { cpuMs: TICK_MS * ticks, residentBytes: PAGE_BYTES * pages };
}

/** A process may have ended meanwhile. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

async function killGroup(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, 'exit');
  process.kill(-server.pid!, 'SIGKILL');
  await exited;
}

async function untilHealthy(url: string, server: ChildProcess): Promise<void> {
  for (const startedMs = Date.now(); Date.now() - startedMs < 120_000; ) {
    if (server.exitCode !== null) break;
    const response = await fetch(`${url}/health`).catch(() => undefined);
    if (response?.ok) return;
    await sleep(100);
  }
  throw new Error(`${url} is not healthy`);
}
