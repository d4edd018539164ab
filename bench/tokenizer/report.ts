import type { TokenizerResults } from './run.ts';
import { LANGUAGES } from './texts.ts';

/** Targets of the project, checked by `npm run check tokenizer` too. */
export const TARGETS = { timesNative: 15, timesWasm: 3, worstTimesOrdinary: 4, readyMs: 20 } as const;

/** Microseconds a KiB of English prose, the dearest of the languages. */
export const ordinary = (results: TokenizerResults) => 1024 / results.megabytesPerSecond.m3edge!.en!.median;

/** Markdown tables. */
export function formatReport(results: TokenizerResults): string {
  const { date, machine, rounds, megabytesPerSecond, load, worst } = results;
  const nameOf = (subject: string) => (subject === 'workerd' ? 'm3edge in workerd' : subject);
  const speedOf = (subject: string) => megabytesPerSecond[subject]!.all!.median;
  const speeds = Object.entries(megabytesPerSecond).map(([subject, speed]) => {
    const { median, low, high } = speed.all!;
    const all = `${median.toFixed(1)} ± ${((high - low) / 2).toFixed(1)}`;
    return [nameOf(subject), all, ...LANGUAGES.map((language) => speed[language]!.median.toFixed(1))];
  });
  const ratios = ['tokenizers', 'sentencepiece-js', '@huggingface/transformers'].map((peer) => {
    const [node, workerd] = ['m3edge', 'workerd'].map((subject) => (speedOf(subject) / speedOf(peer)).toFixed(1));
    return [peer, `${node}x`, `${workerd}x`];
  });
  const loads = Object.keys(megabytesPerSecond).map((subject) => {
    const { loadMs, memoryMB } = load[nameOf(subject)]!;
    return [nameOf(subject), `${loadMs.toFixed(0)} ms`, memoryMB === undefined ? '' : `${memoryMB.toFixed(0)} MB`];
  });
  const prose = ordinary(results);
  const worsts = Object.entries(worst).map(([name, [small, large]]) => [
    name,
    small.toFixed(0),
    large.toFixed(0),
    (Math.max(small, large) / prose).toFixed(1),
  ]);
  return [
    `${date}, ${machine}; CPU time, medians of ${rounds} rounds, ± half the distance of the quartiles.`,
    table(['MB/s', 'all', ...LANGUAGES], speeds),
    table(['all languages, faster than', 'in Node', 'in workerd'], ratios),
    table(['from the file to the first ids', 'time', 'memory'], loads),
    table(
      ['µs a KiB', '62 KB', '1 MB', 'of English prose'],
      [['English prose', prose.toFixed(0), '', '1.0'], ...worsts],
    ),
  ].join('\n\n');
}

/** Columns padded as the formatter wants them; numbers stand on the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(4, ...[head, ...rows].map((row) => row[column]!.length)));
  const pad = (cell: string, i: number) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!));
  const line = (cells: readonly string[]) => `| ${cells.map(pad).join(' | ')} |`;
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), `| ${rule.join(' | ')} |`, ...rows.map(line)].join('\n');
}
