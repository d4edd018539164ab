import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import type { SyntheticModel } from './model.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const outDir = join(root, 'build/bench-worker');

/** Compiles the peak loops and bundles the bench Worker with wrangler, as a deployment would be. */
export async function buildBenchWorker(): Promise<void> {
  const out = ['--outFile', 'build/bench-peak.wasm', '--baseDir', root];
  const features = ['--runtime', 'stub', '-O3', '--enable', 'simd', '--enable', 'relaxed-simd'];
  mkdirSync(join(root, 'build'), { recursive: true });
  const { error, stderr } = await asc.main(['bench/assembly/peak.ts', ...out, ...features]);
  if (error) throw new Error(`bench/assembly/peak.ts does not compile:\n${stderr.toString()}`);
  const wrangler = join(dirname(createRequire(import.meta.url).resolve('wrangler/package.json')), 'bin/wrangler.js');
  const args = ['deploy', '--dry-run', '--config', 'bench/wrangler.toml', '--outdir', outDir];
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_HIDE_BANNER: 'true' };
  execFileSync(process.execPath, [wrangler, ...args], { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Serves models' files to the Workers under test: `http://127.0.0.1:PORT/q8/layer-00.bin`. */
export async function serveModels(models: Readonly<Record<string, SyntheticModel>>): Promise<Server> {
  const server = createServer((request, response) => {
    const [, preset = '', name = ''] = (request.url ?? '').split('/');
    const model = models[preset];
    const body = name === 'manifest.json' ? JSON.stringify(model?.manifest) : model?.files.get(name);
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** A workerd of its own. */
export interface BenchWorker {
  readonly pid: number;
  /** Does the work and returns its result; see bench/worker/worker.ts. */
  run(work: string, query?: Readonly<Record<string, string | number>>): Promise<unknown>;
  stop(): Promise<void>;
}

/** @param kernels Where kernel-relaxed.wasm and kernel-simd.wasm are, if not the ones that were bundled. */
export async function startBenchWorker(
  engine: string,
  preset: string,
  models: Server,
  kernels?: string,
): Promise<BenchWorker> {
  const fileOf = (name: string) => {
    const [kernel] = /kernel-\w+\.wasm$/.exec(name) ?? [];
    return kernels && kernel ? join(kernels, kernel) : join(outDir, name);
  };
  const names = readdirSync(outDir).filter((name) => /\.(js|wasm)$/.test(name));
  const modules = names
    .sort((a) => (a === 'worker.js' ? -1 : 1)) // the first is the one that is run
    .map((name) => ({
      type: name.endsWith('.wasm') ? ('CompiledWasm' as const) : ('ESModule' as const),
      path: name,
      contents: readFileSync(fileOf(name)),
    }));
  const known = new Set(workerdChildren());
  const { port } = models.address() as AddressInfo;
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules,
      compatibilityDate: '2026-10-15',
      compatibilityFlags: ['nodejs_compat'],
      bindings: { ENGINE: engine, SHARDS: `http://127.0.0.1:${port}/${preset}/` },
    }),
  );
  const url = await miniflare.ready;
  return {
    pid: workerdChildren().find((pid) => !known.has(pid)) ?? 0,
    async run(work, query = {}) {
      const address = new URL(work, url);
      for (const [name, value] of Object.entries(query)) address.searchParams.set(name, String(value));
      const { status, body } = await request(address);
      if (status !== 200) throw new Error(`${engine} ${preset}, ${address.pathname}${address.search}: ${body}`);
      return JSON.parse(body);
    },
    stop: () => miniflare.dispose(),
  };
}

/** Without `fetch`'s limit of five minutes. */
function request(address: URL): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    get(address, async (response) => {
      let body = '';
      for await (const chunk of response.setEncoding('utf8')) body += chunk;
      resolve({ status: response.statusCode, body });
    }).on('error', reject);
  });
}

/** Process ids of this process's children that are workerd; empty where there is no /proc. */
function workerdChildren(): number[] {
  try {
    const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').map(Number);
    return children.filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('workerd'));
  } catch {
    return [];
  }
}
