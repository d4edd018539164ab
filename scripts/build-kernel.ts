import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

/** Compiles `assembly/` into build/kernel-relaxed.wasm, build/kernel-simd.wasm and build/float.wasm; does nothing where they are up to date. */

const root = fileURLToPath(new URL('..', import.meta.url));
const buildDir = join(root, 'build');

/**
 * The same sources with and without relaxed SIMD: a runtime that lacks it refuses a module that names it. The command line's float32 path
 * shares its memory with worker threads.
 */
const VARIANTS = [
  { name: 'kernel-relaxed', entry: 'assembly/index.ts', options: ['--enable', 'relaxed-simd'] },
  { name: 'kernel-simd', entry: 'assembly/index.ts', options: [] },
  {
    name: 'float',
    entry: 'assembly/float/index.ts',
    options: ['--enable', 'threads', '--sharedMemory', '--maximumMemory', '65536'],
  },
];

/** `--importMemory`: the host decides size and maximum. Traps stay on; the memory limits are in the memory itself. */
const OPTIONS = [
  '--runtime',
  'stub',
  '--importMemory',
  '--noExportMemory',
  '-O3',
  '--zeroFilledMemory',
  '--enable',
  'simd',
];

function sourceDigest(): string {
  const digest = createHash('sha256');
  const inputs = readdirSync(join(root, 'assembly'), { encoding: 'utf8', recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .sort();
  for (const name of inputs) digest.update(name).update(readFileSync(join(root, 'assembly', name)));
  digest.update(readFileSync(fileURLToPath(import.meta.url)));
  return digest.digest('hex');
}

async function compile({ name, entry, options }: (typeof VARIANTS)[number]): Promise<void> {
  const out = join('build', `${name}.wasm`);
  const { error, stderr } = await asc.main([entry, '--baseDir', root, '--outFile', out, ...OPTIONS, ...options]);
  if (error) throw new Error(`assembly/ does not compile:\n${stderr.toString()}`);
}

const stampFile = join(buildDir, 'kernel.sha256');
const digest = sourceDigest();
const current = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === digest;
if (!current) {
  mkdirSync(buildDir, { recursive: true });
  for (const variant of VARIANTS) await compile(variant);
  writeFileSync(stampFile, digest);
}
