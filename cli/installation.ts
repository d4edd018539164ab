import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from './user-error.ts';

/** The repository; in an installed package its dist/package, where scripts/build-package.ts has put the same things built. */
export const projectRoot = fileURLToPath(new URL('..', import.meta.url));

/** Settings of wrangler.toml that are paths below the project. */
const PATH_SETTING = /^(main|migrations_dir) = "(.+?)"/gm;

/**
 * The directory where wrangler runs and keeps its state: the repository; for an installed package, which may be read-only, .m3edge/dev below the
 * current directory, with the package's wrangler.toml.
 */
export function prepareWorkspace(): string {
  if (import.meta.url.endsWith('.ts')) return projectRoot;
  const workspace = resolve('.m3edge/dev');
  const settings = readFileSync(join(projectRoot, 'wrangler.toml'), 'utf8');
  mkdirSync(workspace, { recursive: true });
  writeFileSync(
    join(workspace, 'wrangler.toml'),
    settings.replaceAll(PATH_SETTING, (_, key, path) => `${key} = ${JSON.stringify(join(projectRoot, path))}`),
  );
  return workspace;
}

/** @throws UserError where wrangler, a peer dependency, is not installed. */
export function findWrangler(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('wrangler/package.json')), 'bin/wrangler.js');
  } catch (cause) {
    throw new UserError('m3edge dev runs wrangler, which is not installed; npm install wrangler@4', { cause });
  }
}
