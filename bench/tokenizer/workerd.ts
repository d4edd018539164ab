import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';

const root = fileURLToPath(new URL('../..', import.meta.url));
const outDir = join(root, 'build/bench-tokenizer');

/** The tokenizer in workerd; steps are those of worker/worker.ts. */
export interface TokenizerWorker {
  /** Of the workerd process; 0 where there is no /proc. */
  readonly pid: number;
  step(path: string, body?: Uint8Array | string): Promise<unknown>;
  stop(): Promise<void>;
}

/** Bundles the Worker with wrangler, as a deployment would be. */
export function bundleTokenizerWorker(): void {
  const wrangler = join(dirname(createRequire(import.meta.url).resolve('wrangler/package.json')), 'bin/wrangler.js');
  const args = ['deploy', '--dry-run', '--config', 'bench/tokenizer/wrangler.toml', '--outdir', outDir];
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_HIDE_BANNER: 'true' };
  execFileSync(process.execPath, [wrangler, ...args], { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] });
}

export async function startTokenizerWorker(): Promise<TokenizerWorker> {
  const known = new Set(workerdChildren());
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: [{ type: 'ESModule', path: 'worker.js', contents: readFileSync(join(outDir, 'worker.js')) }],
      compatibilityDate: '2026-10-15',
    }),
  );
  const url = await miniflare.ready;
  return {
    pid: workerdChildren().find((pid) => !known.has(pid)) ?? 0,
    async step(path, body) {
      const init = body === undefined ? {} : { method: 'POST', body: body as BodyInit };
      const response = await fetch(new URL(path, url), init);
      if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
      return response.json();
    },
    stop: () => miniflare.dispose(),
  };
}

function workerdChildren(): number[] {
  try {
    const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').map(Number);
    return children.filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('workerd'));
  } catch {
    return [];
  }
}
