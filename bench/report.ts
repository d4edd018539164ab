import { best, type Spread, type Timing } from './measure.ts';
import { ENGINES, MODES, passName, type Results, type TimesAt } from './results.ts';

/** All figures as Markdown tables. */
export function formatResults(results: Results): string {
  return [
    describeRun(results),
    '### A pass of one text, 24 layers: ms',
    timesTable(results.passes, passNames(results)),
    'CPU time of the process, median ± half the distance of the quartiles; in brackets time on the wall. `resident` holds all layers, `streamed` what the Worker can.',
    '### One resident layer in workerd: ms',
    timesTable(results.layers, ENGINES),
    ratioLine(results.layers),
    '### Its parts, `wasm` q8: ms',
    timesTable(results.parts, Object.keys(results.parts[0]?.times ?? {})),
    '### Products of matrices in workerd',
    gemmTable(results),
    '### Register-only peaks in workerd: GOP/s',
    table([Object.keys(results.peaks), Object.values(results.peaks).map((gops) => gops.toFixed(0))]),
    '### First call',
    firstCallLine(results),
  ].join('\n\n');
}

function describeRun({ date, machine, runtimes, dotPath, contention, notes }: Results): string {
  const busy = contention > 0.1 ? `, **contended**: layers took ${percent(contention)} longer than their CPU time` : '';
  const lines = [`${date}, ${machine}; ${runtimes}. Dot product: \`${dotPath}\`${busy}.`];
  return [...lines, ...(notes.length > 0 ? [notes.map((line) => `- ${line}`).join('\n')] : [])].join('\n\n');
}

function passNames({ passes }: Results): string[] {
  const ours = MODES.flatMap((mode) => ENGINES.map((engine) => passName(engine, mode)));
  const names = new Set(passes.flatMap(({ times }) => Object.keys(times)));
  return [...ours.filter((name) => names.has(name)), ...[...names].filter((name) => !ours.includes(name))];
}

function timesTable(rows: readonly TimesAt[], names: readonly string[]): string {
  const head = ['tokens', ...rows.map(({ tokens }) => String(tokens))];
  const body = names.map((name) => [name, ...rows.map(({ times }) => formatTiming(times[name]))]);
  return table([head, ...body]);
}

function formatTiming(timing: Timing | undefined): string {
  if (!timing) return '';
  const wall = timing.cpu ? ` (${milliseconds(timing.wall.median)})` : '';
  return `${formatSpread(best(timing))}${wall}`;
}

function formatSpread({ median, low, high }: Spread): string {
  return `${milliseconds(median)} ± ${milliseconds((high - low) / 2)}`;
}

const milliseconds = (ms: number) => (ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2));
const percent = (share: number) => `${(100 * share).toFixed(0)} %`;

function ratioLine(layers: readonly TimesAt[]): string {
  const ratios = layers.flatMap(({ tokens, times }) => {
    const [ours, theirs] = [times['wasm q8'], times['onnx int8']];
    return ours && theirs ? [`${(best(theirs).median / best(ours).median).toFixed(2)} at ${tokens}`] : [];
  });
  return `\`onnx\` int8 over \`wasm\` q8: ${ratios.join(', ')} tokens.`;
}

function gemmTable({ gemm, dotPath }: Results): string {
  const head = ['rows', 'n x k', 'preset', 'GOP/s', `of the ${dotPath} peak`];
  const body = gemm.map(({ rows, matrix, preset, gops, share }) => [
    String(rows),
    matrix.join(' x '),
    preset,
    gops.toFixed(0),
    percent(share),
  ]);
  return table([head, ...body]);
}

function firstCallLine({ firstCall: { first, warm } }: Results): string {
  const factor = best(first).median / best(warm).median;
  return `A layer of 128 tokens in an isolate that has just started: ${formatTiming(first)} ms, warm ${formatTiming(warm)} ms, ${factor.toFixed(2)} times.`;
}

/** Markdown; columns padded, so that a terminal shows it as well. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  const [head, ...body] = rows;
  return [line(head!), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}
