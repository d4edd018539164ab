import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify, stripVTControlCharacters } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Finding } from '../check.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js');
/** Cloudflare ends a Worker that needs longer for its top level. */
const STARTUP_LIMIT_MS = 1000;
/** Cloudflare's limit for a script, uncompressed. */
const BUNDLE_LIMIT_BYTES = 64 * 1024 * 1024;

/** Issue 2: the bundle and its start-up, offline. */
export async function* check(): AsyncGenerator<Finding> {
  const out = mkdtempSync(join(tmpdir(), 'm3edge-bundle-'));
  try {
    mkdirSync(join(root, 'dist/assets'), { recursive: true }); // wrangler wants it there; what lies in it is not bundled
    await run('deploy', '--dry-run', '--outdir', out);
    const files = readdirSync(out).filter((name) => /\.(js|wasm)$/.test(name));
    const raw = files.reduce((sum, name) => sum + statSync(join(out, name)).size, 0);
    const zipped = files.reduce((sum, name) => sum + gzipSync(readFileSync(join(out, name))).length, 0);
    yield {
      claim: 'wrangler deploy --dry-run succeeds',
      figure: `${kilobytes(raw)} in ${files.length} modules, ${kilobytes(zipped)} gzipped`,
      verdict: raw < BUNDLE_LIMIT_BYTES ? 'ok' : 'short',
    };

    const profile = join(out, 'startup.cpuprofile');
    const report = await run('check', 'startup', '--outfile', profile);
    const figure = (name: string) => Number(new RegExp(`${name}: ([\\d.]+) ms`).exec(report)?.[1] ?? Number.NaN);
    const activeMs = figure('Active');
    yield {
      claim: `wrangler check startup succeeds, in less than ${STARTUP_LIMIT_MS} ms`,
      figure: `${activeMs} ms active of a ${figure('Profile window')} ms window, on this machine`,
      verdict: activeMs < STARTUP_LIMIT_MS ? 'ok' : 'short',
    };
  } finally {
    rmSync(out, { recursive: true });
  }
}

async function run(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [wrangler, ...args], { cwd: root });
  return stripVTControlCharacters(stdout);
}

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
