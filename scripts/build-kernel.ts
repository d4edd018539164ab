import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

/** Compiles `assembly/` into build/kernel-relaxed.wasm and build/kernel-simd.wasm; does nothing where they are up to date. */

const root = fileURLToPath(new URL('..', import.meta.url));
const buildDir = join(root, 'build');

/** The same sources with and without relaxed SIMD: a runtime that lacks it refuses a module that names it. */
const VARIANTS = [
  { name: 'kernel-relaxed', features: ['relaxed-simd'] },
  { name: 'kernel-simd', features: [] },
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
  const inputs = readdirSync(join(root, 'assembly'))
    .filter((name) => name.endsWith('.ts'))
    .sort();
  for (const name of inputs) digest.update(name).update(readFileSync(join(root, 'assembly', name)));
  digest.update(readFileSync(fileURLToPath(import.meta.url)));
  return digest.digest('hex');
}

async function compile(name: string, features: string[]): Promise<void> {
  const enabled = features.flatMap((feature) => ['--enable', feature]);
  const out = join('build', `${name}.wasm`);
  const { error, stderr } = await asc.main([
    'assembly/index.ts',
    '--baseDir',
    root,
    '--outFile',
    out,
    ...OPTIONS,
    ...enabled,
  ]);
  if (error) throw new Error(`assembly/ does not compile:\n${stderr.toString()}`);
}

const stampFile = join(buildDir, 'kernel.sha256');
const digest = sourceDigest();
const current = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === digest;
if (!current) {
  mkdirSync(buildDir, { recursive: true });
  for (const { name, features } of VARIANTS) await compile(name, features);
  writeFileSync(stampFile, digest);
}
