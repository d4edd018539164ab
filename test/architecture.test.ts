import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * From the bottom to the top: what lies in a layer may import from layers below it and from itself. Peers stand in one list and do not import
 * each other.
 */
const LAYERS: readonly (readonly string[])[] = [
  ['errors.ts', 'limits.ts', 'text-rules.ts', 'keep-value.ts'],
  ['kernel', 'tokenizer', 'format', 'float32-text.ts'],
  ['shards', 'vector-json.ts'],
  ['engine'],
  ['heads'],
  ['scoring'],
  ['embedder.ts'],
  ['compute-score.ts', 'sparse-json.ts', 'packed-embedding.ts', 'decorated-embedder.ts', 'trim-embedding.ts'],
  ['embedding-json.ts', 'answer-cache.ts', 'metered-embedder.ts', 'auth'],
  ['store-records.ts', 'documents'],
  ['routes', 'jobs'],
  ['app.ts', 'client'], // of routes the client takes types alone
  ['create-worker.ts', 'token-budgets.ts'],
  ['worker.ts', 'worker-onnx.ts'],
];
/** What a file or a directory may import from outside; hono and valibot are the routes' and those above them. */
const OUTSIDE: Readonly<Record<string, readonly string[]>> = {
  'src/auth': ['valibot'],
  'src/create-worker.ts': ['node:crypto', 'cloudflare:workers'],
  'src/token-budgets.ts': ['cloudflare:workers'],
  'src/worker-onnx.ts': ['onnxruntime-web/ort-wasm-simd-threaded.wasm'],
  'src/engine/onnx': ['onnxruntime-web/wasm'],
};

const filesBelow = (directory: string) =>
  readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.d.ts'))
    .map((name) => join(directory, name));
const importsOf = (file: string) => {
  const source = readFileSync(join(root, file), 'utf8');
  return [...source.matchAll(/(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*'([^']+)'|\bimport\(\s*'([^']+)'/g)].map(
    (match) => match[1] ?? match[2]!,
  );
};
/** What a file of `src` belongs to: its directory right below, or itself. */
const unitOf = (file: string) => relative('src', file).split('/')[0]!;
const layerOf = (unit: string) => LAYERS.findIndex((units) => units.includes(unit));
const resolve = (file: string, specifier: string) => join(dirname(file), specifier);

describe('src', () => {
  const files = filesBelow('src');

  it('has a place in the layers for every file', () => {
    expect(files.filter((file) => layerOf(unitOf(file)) < 0)).toEqual([]);
    expect(files.length).toBeGreaterThan(40);
  });

  it('imports one way only', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const unit = unitOf(file);
      for (const specifier of importsOf(file).filter((name) => name.startsWith('.'))) {
        const target = resolve(file, specifier);
        if (target.startsWith('playground/')) wrong.push(`${file} imports ${target}`);
        if (!target.startsWith('src/')) continue; // build/ and package.json: below everything
        const targetUnit = unitOf(target);
        if (targetUnit !== unit && layerOf(targetUnit) >= layerOf(unit)) wrong.push(`${file} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('imports libraries and the platform only where they belong', () => {
    const wrong: string[] = [];
    for (const file of files) {
      for (const specifier of importsOf(file).filter((name) => !name.startsWith('.'))) {
        const isRouteLibrary = /^(hono|valibot|@valibot\/to-json-schema)(\/|$)/.test(specifier);
        const mayUse =
          (isRouteLibrary && layerOf(unitOf(file)) >= layerOf('routes')) ||
          Object.entries(OUTSIDE).some(([place, names]) => file.startsWith(place) && names.includes(specifier));
        if (!mayUse) wrong.push(`${file} imports ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('reads the environment in create-worker.ts alone', () => {
    const readers = files.filter((file) => {
      const source = withoutComments(file).replaceAll(/env: \{ memory \}|ort\.env\b/g, '');
      return /\benv\b|\bprocess\b|\bEnv\b/.test(source);
    });
    // Not the environment: the name under which a wasm module imports its memory, and onnxruntime-web's settings.
    expect(readers).toEqual(['src/create-worker.ts']);
  });
});

describe('the tree', () => {
  it('imports from cli what lies below the routes', () => {
    const wrong: string[] = [];
    for (const file of filesBelow('cli')) {
      for (const specifier of importsOf(file).filter((name) => name.startsWith('.'))) {
        const target = resolve(file, specifier);
        const isAbove = target.startsWith('src/') && layerOf(unitOf(target)) >= layerOf('routes');
        if (isAbove || /^(test|scripts)\//.test(target)) wrong.push(`${file} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('imports into the page what lies below the routes, and the client', () => {
    const wrong: string[] = [];
    for (const file of filesBelow('playground')) {
      for (const specifier of importsOf(file)) {
        const target = specifier.startsWith('.') ? resolve(file, specifier) : specifier;
        const isOurs = /^(playground|src\/client)\//.test(target) || /^preact(\/|$)/.test(target);
        const isBelow = target.startsWith('src/') && layerOf(unitOf(target)) < layerOf('routes');
        if (!isOurs && !isBelow) wrong.push(`${file} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('keeps assembly to itself', () => {
    const outside = filesBelow('assembly').filter((file) =>
      importsOf(file).some((specifier) => !resolve(file, specifier).startsWith('assembly/')),
    );
    expect(outside).toEqual([]);
  });

  it('has no file that re-exports others', () => {
    const barrels = filesBelow('src').filter((file) =>
      /\nexport\s+(\*|\{[^}]*\})\s+from/.test(`\n${withoutComments(file)}`),
    );
    expect(barrels).toEqual([]);
  });
});

function withoutComments(file: string): string {
  return readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
}
