import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Compiles assembly/ into build/kernel-relaxed.wasm and build/kernel-simd.wasm; does nothing where they are up to date. */

const root = fileURLToPath(new URL('..', import.meta.url));
const sourceDir = join(root, 'assembly');
const buildDir = join(root, 'build');
const VARIANTS = [
  { name: 'kernel-relaxed', features: ['simd', 'relaxed-simd', 'bulk-memory', 'nontrapping-f2i'], relaxed: 1 },
  { name: 'kernel-simd', features: ['simd', 'bulk-memory', 'nontrapping-f2i'], relaxed: 0 },
];
