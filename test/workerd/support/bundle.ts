import { copyFileSync, mkdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export const projectRoot = fileURLToPath(new URL('../../..', import.meta.url));

export interface Bundle {
  readonly directory: string;
  readonly script: string;
  /** Of the wasm modules, which lie beside the script. */
  readonly wasm: readonly string[];
}

/** The project's Worker behind the hooks of `isolate/`, as wrangler would bundle it: one script, and its wasm modules beside it. */
export async function bundleWorker(directory: string): Promise<Bundle> {
  mkdirSync(directory, { recursive: true });
  const wasm: string[] = [];
  await build({
    entryPoints: [join(import.meta.dirname, '../isolate/entry.ts')],
    outfile: join(directory, 'worker.js'),
    bundle: true,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['node:*', 'cloudflare:*'],
    logLevel: 'warning',
    plugins: [
      {
        name: 'wasm modules',
        setup({ onResolve }) {
          onResolve({ filter: /\.wasm$/ }, ({ path, resolveDir }) => {
            const name = basename(path);
            copyFileSync(resolve(resolveDir, path), join(directory, name));
            wasm.push(name);
            return { path: `./${name}`, external: true };
          });
        },
      },
    ],
  });
  return { directory, script: 'worker.js', wasm };
}
