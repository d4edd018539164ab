import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';

/**
 * Prints what the project claims, with the figure measured now: `npm run check [NAME ...]`. Every file of scripts/check is one group of claims,
 * named as the file. Exits with 1 where a figure falls short.
 */

export interface Finding {
  readonly claim: string;
  readonly figure: string;
  readonly verdict: 'ok' | 'short' | 'skipped';
}

interface CheckModule {
  check(): AsyncGenerator<Finding>;
}

const directory = new URL('check/', import.meta.url);
const all = readdirSync(directory)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
  .sort();
const { positionals: wanted } = parseArgs({ allowPositionals: true });
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`${unknown.join(', ')}: no such check; there are ${all.join(', ')}`);
  process.exit(2);
}

const count = { ok: 0, short: 0, skipped: 0 };
for (const name of wanted.length > 0 ? wanted : all) {
  console.log(`\n${name}`);
  const { check } = (await import(new URL(`${name}.ts`, directory).href)) as CheckModule;
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
