import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDevServer } from '../support/dev-server.ts';
import { jsonLines } from '../support/run-command.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Of an import, or of a file beside the importing one. */
const SPECIFIER = /(?:\bfrom |\bimport |\bimport\()'([^']+)'|\bnew URL\('([^']+)', import\.meta\.url\)/g;

const TYPED = `
import { createClient, type Embedded } from 'm3edge/client';
const m3 = createClient({ baseUrl: 'http://localhost' });
const [one]: Embedded[] = await m3.encode(['a'], { return_sparse: true, signal: AbortSignal.timeout(1000) });
export const dense: Float32Array | undefined = one!.dense;
export const scores: number[] = (await m3.score({ query: 'a', passages: ['b', one!] })).dense;
// @ts-expect-error no such option
await m3.encode(['a'], { return_spares: true });
// @ts-expect-error no such mode
await m3.rerank({ query: 'a', documents: [], mode: 'bm25' });
`;

const CLIENT = `
import { createClient, M3edgeError } from 'm3edge/client';
const m3 = createClient({ baseUrl: process.argv[2] });
const [{ dense, tokens }] = await m3.encode(['What is BGE M3?']);
const error = await m3.encode([' ']).catch((error) => error);
// Printed as the service prints float32: the shortest decimals that read back as the same.
const shortest = (value) => {
  for (let digits = 1; ; digits++) if (Math.fround(value.toPrecision(digits)) === value) return Number(value.toPrecision(digits));
};
console.log(JSON.stringify({
  dense: Array.from(dense, shortest),
  tokens,
  error: error instanceof M3edgeError && [error.status, error.code, error.param],
}));
`;

/**
 * What `npm pack` makes, unpacked where its dependencies are found in the project's own node_modules: no network. `npm run check package` installs
 * it as a user does.
 */
describe('the package', () => {
  let directory = '';
  let packed = '';

  beforeAll(() => {
    mkdirSync(join(root, '.m3edge'), { recursive: true });
    directory = mkdtempSync(join(root, '.m3edge/package-'));
    packed = join(directory, 'node_modules/m3edge');
    mkdirSync(packed, { recursive: true });
    execFileSync('npm', ['pack', '--pack-destination', directory], { cwd: root, stdio: 'pipe' });
    const tarball = readdirSync(directory).find((name) => name.endsWith('.tgz'))!;
    execFileSync('tar', ['xzf', join(directory, tarball), '-C', packed, '--strip-components=1']);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const filesBelow = (path: string) => readdirSync(join(packed, path), { recursive: true, encoding: 'utf8' });

  it('holds no TypeScript but declarations, and nothing that only a developer needs', () => {
    const files = filesBelow('.');
    expect(files.filter((name) => /(?<!\.d)\.ts$/.test(name))).toEqual([]);
    expect(files.filter((name) => /(^|\/)(test|bench|assembly|scripts)\/(?!README\.md)/.test(name))).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'THIRD_PARTY.md', 'CHANGELOG.md']));
  });

  it('imports what its package.json asks for, and names files that it holds', () => {
    const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(packed, 'package.json'), 'utf8'));
    const asked = { ...dependencies, ...peerDependencies, miniflare: 'comes with wrangler' };
    const missing: string[] = [];
    // The page is one bundle, whose imports are those of its examples.
    const modules = filesBelow('dist').filter((name) => name.endsWith('.js') && !name.includes('build/page/'));
    for (const name of modules) {
      const file = join(packed, 'dist', name);
      for (const match of readFileSync(file, 'utf8').matchAll(SPECIFIER)) {
        const specifier = match[1] ?? match[2]!;
        const isThere =
          specifier.startsWith('.') || match[2]
            ? existsSync(join(dirname(file), specifier))
            : /^(node|cloudflare):/.test(specifier) || /^(@[^/]+\/)?[^/]+/.exec(specifier)![0] in asked;
        if (!isThere) missing.push(`${name}: ${specifier}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it('has what its wrangler.toml names', () => {
    const built = join(packed, 'dist/package');
    const settings = readFileSync(join(built, 'wrangler.toml'), 'utf8');
    const paths = [...settings.matchAll(/^(?:main|migrations_dir) = "(.+?)"/gm)].map((match) => match[1]!);
    expect(paths).toContain('src/worker.js');
    expect(paths.filter((path) => !existsSync(join(built, path)))).toEqual([]);
  });

  it('has types for m3edge/client, whatever library of types its user has', () => {
    writeFileSync(join(directory, 'package.json'), '{"type": "module"}');
    writeFileSync(join(directory, 'typed.ts'), TYPED);
    for (const lib of ['es2022,dom', 'esnext,webworker']) {
      const options = [
        '--ignoreConfig',
        '--noEmit',
        '--strict',
        '--module',
        'nodenext',
        '--target',
        'es2022',
        '--lib',
        lib,
        '--types',
        '',
      ];
      const { stdout } = spawnSync('tsc', [...options, 'typed.ts'], { cwd: directory, encoding: 'utf8' });
      expect(stdout).toBe('');
    }
  });

  const encode = () =>
    execFileSync(process.execPath, [join(packed, 'cli/bin.js'), 'encode'], {
      cwd: directory,
      input: 'What is BGE M3?\n',
      encoding: 'utf8',
      env: { ...process.env, MODEL: '' },
      stdio: 'pipe',
    });

  it('answers m3edge encode with the demo', () => {
    const [line] = jsonLines(encode());
    expect(Math.hypot(...line.dense_vecs)).toBeCloseTo(1, 5);
    expect(line.tokens).toBeGreaterThan(2);
  });

  it('answers m3edge dev with the same bytes, its own m3edge/client with the same numbers, and browsers with the page', async () => {
    writeFileSync(join(directory, 'client.mjs'), CLIENT);
    const demo = join(packed, 'dist/package/model-shards/demo');
    const server = await startDevServer(demo, [process.execPath, join(packed, 'cli/bin.js'), 'dev']);
    try {
      const notice = /it knows words, not meaning\..*BAAI\/bge-m3.*\n *npx m3edge model pull/;
      await expect.poll(server.output).toMatch(notice);
      const response = await fetch(`${server.url}/encode`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/x-ndjson' },
        body: '{"texts": ["What is BGE M3?"]}',
      });
      expect(await response.text()).toBe(encode());
      const page = await (await fetch(server.url, { headers: { accept: 'text/html' } })).text();
      const files = [...page.matchAll(/"(\/page\/[^"]+)"/g)].map((match) => match[1]!);
      expect(files).toHaveLength(2);
      for (const file of files) expect((await fetch(server.url + file)).status).toBe(200);
      const { dense_vecs, tokens } = jsonLines(encode())[0];
      const asked = execFileSync(process.execPath, ['client.mjs', server.url], { cwd: directory, encoding: 'utf8' });
      expect(JSON.parse(asked)).toEqual({ dense: dense_vecs, tokens, error: [422, 'empty_input', 'texts[0]'] });
    } finally {
      await server.stop();
    }
  });
});
