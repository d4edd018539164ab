import { readFileSync, writeFileSync } from 'node:fs';
import { runBenchmarks } from './bench.ts';
import { plotPasses } from './plot.ts';
import { formatResults } from './report.ts';

/** `npm run bench`: runs all of it, prints the tables, and writes bench/last.json, the tables in bench/README.md and docs/bench.svg. */

const START = '<!-- figures: npm run bench -->';
const END = '<!-- end -->';

const results = await runBenchmarks({ say: (line) => console.error(line) });
const report = formatResults(results);
console.log(report);
writeFileSync(new URL('last.json', import.meta.url), `${JSON.stringify(results, null, 1)}\n`);
const readme = new URL('README.md', import.meta.url);
const [before = '', rest = ''] = readFileSync(readme, 'utf8').split(START);
writeFileSync(readme, `${before}${START}\n\n${report}\n\n${END}${rest.split(END)[1] ?? ''}`);
writeFileSync(new URL('../docs/bench.svg', import.meta.url), plotPasses(results));
