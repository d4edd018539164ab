import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Makes dist/package, which `npm pack` takes along: what an installed package needs of the repository, at the same places, with JavaScript where
 * the repository has TypeScript, because Node strips no types under node_modules. Nothing is bundled: dependencies stay dependencies.
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'dist/package');
const building = `${target}-${process.pid}`;

/** Types are checked by `npm run typecheck`, not here. */
const EMIT = ['--noEmit', 'false', '--noCheck', '--rewriteRelativeImportExtensions', '--rootDir', '.'];

const COPIED = [
  'build/kernel-relaxed.wasm',
  'build/kernel-simd.wasm',
  'build/float.wasm',
  'build/page',
  'model-shards/demo',
  'migrations',
  'wrangler.toml',
];

function emit(...options: string[]): void {
  const { status, error } = spawnSync('tsc', [...options, ...EMIT, '--outDir', building], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) throw error ?? new Error(`tsc ${options.join(' ')} ends with ${status}`);
}

function edit(name: string, pattern: RegExp, replacement: string): void {
  const file = join(building, name);
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(pattern, replacement));
}

rmSync(building, { recursive: true, force: true });
mkdirSync(building, { recursive: true });
try {
  emit('-p', 'tsconfig.json', '--declaration');
  emit('-p', 'tsconfig.cli.json');
  for (const name of readdirSync(building, { recursive: true, encoding: 'utf8' })) {
    // tsc follows imports, not the URL of a worker thread's file.
    if (name.endsWith('.js')) edit(name, /(new URL\('[^']+)\.ts(', import\.meta\.url\))/g, '$1.js$2');
  }
  cpSync(join(root, 'cli'), join(building, 'cli'), { recursive: true, filter: (name) => !/\.[jt]s$/.test(name) }); // data beside the code
  for (const name of COPIED) cpSync(join(root, name), join(building, name), { recursive: true });
  edit('wrangler.toml', /^(main = "src\/.+)\.ts"/gm, '$1.js"');
  const { name, version, type } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(join(building, 'package.json'), `${JSON.stringify({ name, version, type }, undefined, 2)}\n`);
  rmSync(target, { recursive: true, force: true });
  renameSync(building, target);
} finally {
  rmSync(building, { recursive: true, force: true });
}
