import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const markdownIn = (directory: string) =>
  readdirSync(join(root, directory))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(directory, name));
const DOCUMENTS = ['.', 'docs', 'bench', 'model-shards'].flatMap(markdownIn);

/** Relative links, without what follows `#`. */
const linksIn = (file: string) =>
  [...read(file).matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)].map((match) => join(dirname(file), match[1]!));

describe('the documents', () => {
  it('link to what is there', () => {
    const broken = DOCUMENTS.flatMap((file) =>
      linksIn(file)
        .filter((target) => !existsSync(join(root, target)))
        .map((target) => `${file}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('are listed in docs/README.md, as far as they lie in docs', () => {
    const listed = linksIn('docs/README.md');
    expect(markdownIn('docs').filter((file) => file !== 'docs/README.md' && !listed.includes(file))).toEqual([]);
  });

  it('name npm scripts that exist, and files of the tree', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const missing = DOCUMENTS.flatMap((file) => [
      ...[...read(file).matchAll(/\bnpm run ([\w:-]+)/g)]
        .map((match) => match[1]!)
        .filter((name) => !(name in scripts)),
      ...[...read(file).matchAll(/\bnode ((?:scripts|bench|cli)\/[\w/.-]+\.[tj]s)/g)]
        .map((match) => match[1]!)
        .filter((name) => !existsSync(join(root, name))),
    ]);
    expect(missing).toEqual([]);
  });

  it('show a change of a kernel that applies to the tree', () => {
    const [, patch = ''] = /```diff\n([\s\S]*?)```/.exec(read('CONTRIBUTING.md')) ?? [];
    expect(patch).toContain('assembly/');
    execFileSync('git', ['apply', '--check', '-'], { cwd: root, input: patch, stdio: 'pipe' });
  });
});
