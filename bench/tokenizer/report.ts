import type { TokenizerResults } from './run.ts';
import { LANGUAGES } from './texts.ts';

/** Targets of the project, checked by `npm run check tokenizer` too. */
export const TARGETS = { timesNative: 15, timesWasm: 3, worstTimesOrdinary: 4, readyMs: 20 } as const;

/** Microseconds a KiB of English prose, the dearest of the languages. */
export const ordinary = (results: TokenizerResults) => 1024 / results.megabytesPerSecond.m3edge!.en!;

/** Markdown tables. */
export function printReport(results: TokenizerResults): void {
  console.log(`${results.date}, ${results.machine}, least CPU time of ${results.rounds} rounds\n`);
  console.log(`| MB/s | all | ${LANGUAGES.join(' | ')} | times slower | load | memory |`);
  console.log(`| --- ${'| ---: '.repeat(LANGUAGES.length + 4)}|`);
  const fastest = results.megabytesPerSecond.m3edge!.all!;
  for (const [subject, speeds] of Object.entries(results.megabytesPerSecond)) {
    const speed = speeds.all!;
    const loaded = results.load[subject === 'workerd' ? 'm3edge in workerd' : subject];
    const cells = [
      subject === 'workerd' ? 'm3edge in workerd' : subject,
      speed.toFixed(1),
      ...LANGUAGES.map((language) => speeds[language]!.toFixed(1)),
      (fastest / speed).toFixed(1),
      `${loaded?.loadMs.toFixed(0)} ms`,
      loaded?.memoryMB === undefined ? '' : `${loaded.memoryMB.toFixed(0)} MB`,
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  console.log(`\n| µs a KiB | 62 KB | 1 MB | of English prose |\n| --- | ---: | ---: | ---: |`);
  const prose = ordinary(results);
  console.log(`| English prose | ${prose.toFixed(0)} | | |`);
  for (const [name, [small, large]] of Object.entries(results.worst)) {
    console.log(
      `| ${name} | ${small.toFixed(0)} | ${large.toFixed(0)} | ${(Math.max(small, large) / prose).toFixed(1)} |`,
    );
  }
}
