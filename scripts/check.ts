import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';

/**
 * Prints what the project claims, with the figure measured now: `npm run check [NAME ...]`. Every file of scripts/check is one group of claims,
 * named as the file; where it has parts, `NAME:PART` is one of them. Exits with 1 where a figure falls short.
 */

export interface Finding {
  readonly claim: string;
  readonly figure: string;
  readonly verdict: 'ok' | 'short' | 'skipped';
}

export type Parts = Readonly<Record<string, () => AsyncGenerator<Finding>>>;

type CheckModule = { readonly check: Parts[string] } | { readonly parts: Parts };

const directory = new URL('check/', import.meta.url);
const all = readdirSync(directory)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
  .sort();
const { positionals: wanted } = parseArgs({ allowPositionals: true });

/** The checks of a name, each with its own. */
async function checksOf(name: string): Promise<[string, Parts[string]][]> {
  const [file = '', part] = name.split(':');
  if (!all.includes(file)) refuse(`${file}: no such check; there are ${all.join(', ')}`);
  const module = (await import(new URL(`${file}.ts`, directory).href)) as CheckModule;
  const parts = 'parts' in module ? module.parts : {};
  if (part !== undefined)
    return [[name, parts[part] ?? refuse(`${name}: no such part; ${file} has ${partNames(parts)}`)]];
  if ('check' in module) return [[file, module.check]];
  return Object.entries(parts).map(([each, check]) => [`${file}:${each}`, check]);
}

const partNames = (parts: Parts) => Object.keys(parts).join(', ') || 'none';

function refuse(problem: string): never {
  console.error(problem);
  process.exit(2);
}

const checks = (await Promise.all((wanted.length > 0 ? wanted : all).map(checksOf))).flat();
const count = { ok: 0, short: 0, skipped: 0 };
for (const [name, check] of checks) {
  console.log(`\n${name}`);
  try {
    for await (const { claim, figure, verdict } of check()) {
      count[verdict]++;
      console.log(`  ${verdict.padEnd(7)}  ${claim}\n           ${figure}`);
    }
  } catch (error) {
    count.short++;
    console.log(`  short    the check itself failed\n           ${error instanceof Error ? error.stack : error}`);
  }
}
console.log(`\n${count.ok} ok, ${count.short} short, ${count.skipped} skipped`);
process.exitCode = count.short > 0 ? 1 : 0;
