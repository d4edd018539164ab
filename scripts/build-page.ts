import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Bundles `playground/` into build/page: the page, and its script and style under names that hold their digest. Nothing where it is up to date. */

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'playground');
const target = join(root, 'build/page');
const stampFile = join(root, 'build/page.sha256');
/** What a page may import besides itself. */
const INPUTS = ['playground', 'src', 'package-lock.json', 'scripts/build-page.ts'];

function sourceDigest(): string {
  const digest = createHash('sha256');
  const files = INPUTS.flatMap((input) =>
    /\.\w+$/.test(input)
      ? [input]
      : readdirSync(join(root, input), { encoding: 'utf8', recursive: true })
          .filter((name) => /\.\w+$/.test(name))
          .map((name) => join(input, name))
          .sort(),
  );
  for (const name of files) digest.update(name).update(readFileSync(join(root, name)));
  return digest.digest('hex');
}

async function buildPage(): Promise<void> {
  const building = `${target}-${process.pid}`;
  rmSync(building, { recursive: true, force: true });
  try {
    const { outputFiles } = await build({
      entryPoints: [join(source, 'page.tsx'), join(source, 'page.css')],
      outdir: building,
      entryNames: '[name]-[hash]',
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      jsx: 'automatic',
      jsxImportSource: 'preact',
      legalComments: 'none', // preact's licence is in THIRD_PARTY.md
      write: false,
    });
    mkdirSync(building, { recursive: true });
    let html = readFileSync(join(source, 'index.html'), 'utf8');
    for (const { path, contents } of outputFiles) {
      writeFileSync(path, contents);
      html = html.replace(basename(path).replace(/-[A-Z0-9]+\./, '.'), basename(path));
    }
    writeFileSync(join(building, 'index.html'), html);
    rmSync(target, { recursive: true, force: true });
    renameSync(building, target);
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

const digest = sourceDigest();
if (!existsSync(target) || !existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== digest) {
  await buildPage();
  writeFileSync(stampFile, digest);
}
