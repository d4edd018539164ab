import { writeFileSync } from 'node:fs';
import { runBenchmarks } from './bench.ts';
import { plotPasses } from './plot.ts';
import { formatResults } from './report.ts';
import { writeFigures } from './write-figures.ts';

/** `npm run bench`: runs all of it, prints the tables, and writes bench/last.json, the tables in bench/README.md and docs/bench.svg. */

const results = await runBenchmarks({ say: (line) => console.error(line) });
const report = formatResults(results);
console.log(report);
writeFileSync(new URL('last.json', import.meta.url), `${JSON.stringify(results, null, 1)}\n`);
writeFigures(new URL('README.md', import.meta.url), report);
writeFileSync(new URL('../docs/bench.svg', import.meta.url), plotPasses(results));
