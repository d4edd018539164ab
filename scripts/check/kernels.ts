import { runBenchmarks } from '../../bench/bench.ts';
import { best, type Timing } from '../../bench/measure.ts';
import { passName, type Results } from '../../bench/results.ts';
import type { Finding } from '../check.ts';

/** Least shares of the dot product's peak at 128 rows. */
const LEAST_SHARE: Readonly<Record<string, number>> = { q8: 0.82, q4: 0.78 };
/** Least factors between `onnx` int8 and `wasm` q8, one layer, by tokens. */
const LEAST_FACTOR: Readonly<Record<number, number>> = { 16: 3, 128: 3.3, 512: 3.3 };
/** A pass's time over native llama.cpp's, by tokens. */
const MOST_OF_LLAMA: Readonly<Record<number, number>> = { 16: 1, 128: 1, 512: 1 };
const MOST_OF_LLAMA_AMX: Readonly<Record<number, number>> = { 128: 1.4, 512: 1.25 };
const MOST_LONGEST_FACTOR = 210;
const MOST_FIRST_FACTOR = 1.6;

/** Issue 5: speed in workerd, everything resident, ratios within one run. Some ten minutes; figures on a busy machine are worse than they could be. */
export async function* check(): AsyncGenerator<Finding> {
  const results = await runBenchmarks({ tokens: [16, 128, 512, 8192], say: (line) => console.error(line) });
  const busy = results.contention > 0.1 ? ', on a busy machine' : '';
  for (const { claim, figure, verdict } of linesOf(results)) yield { claim, figure: figure + busy, verdict };
}

function* linesOf(results: Results): Generator<Finding> {
  for (const { preset, matrix, rows, share, gops } of results.gemm) {
    const [n, k] = matrix;
    if (rows !== 128 || k !== 1024) continue;
    const least = LEAST_SHARE[preset]!;
    yield {
      claim: `GEMM ${k}x${n}, 128 rows, ${preset}: at least ${100 * least} % of the ${results.dotPath} dot's peak`,
      figure: `${(100 * share).toFixed(0)} % (${gops.toFixed(0)} GOP/s)`,
      verdict: share >= least ? 'ok' : 'short',
    };
  }
  for (const [tokens, least] of entriesOf(LEAST_FACTOR)) {
    const { 'wasm q8': ours, 'onnx int8': theirs } = timesAt(results.layers, tokens);
    yield compare(
      `one layer at ${tokens} tokens: wasm q8 at least ${least}x faster than onnx int8`,
      theirs,
      ours,
      (x) => x >= least,
    );
  }
  yield* againstLlama(results, 'llama.cpp q8_0', 'without AMX', MOST_OF_LLAMA);
  yield* againstLlama(results, 'llama.cpp q8_0, AMX', 'with AMX', MOST_OF_LLAMA_AMX);
  const short = timesAt(results.passes, 16);
  const [q4, q8] = [short[passName('wasm q4', 'resident')], short[passName('wasm q8', 'resident')]];
  yield compare('24 layers at 16 tokens: q4 no slower than q8', q4, q8, (x) => x <= 1);
  const [longest, block] = [timesAt(results.layers, 8192)['wasm q8'], timesAt(results.layers, 128)['wasm q8']];
  yield compare(
    `a layer of 8,192 tokens at most ${MOST_LONGEST_FACTOR} times one of 128`,
    longest,
    block,
    (x) => x <= MOST_LONGEST_FACTOR,
  );
  const { first, warm } = results.firstCall;
  yield compare(
    `a first call at most ${MOST_FIRST_FACTOR}x a warm one at 128 tokens`,
    first,
    warm,
    (x) => x <= MOST_FIRST_FACTOR,
  );
}

function* againstLlama(results: Results, name: string, what: string, limits: Readonly<Record<number, number>>) {
  for (const [tokens, most] of entriesOf(limits)) {
    const times = timesAt(results.passes, tokens);
    const claim = `24 layers at ${tokens} tokens: wasm q8 at most ${most}x native llama.cpp q8_0 ${what}`;
    yield compare(claim, times[passName('wasm q8', 'resident')], times[name], (x) => x <= most);
  }
}

/** The quotient of two times. */
function compare(
  claim: string,
  a: Timing | undefined,
  b: Timing | undefined,
  isOk: (quotient: number) => boolean,
): Finding {
  if (!a || !b) return { claim, figure: 'not measured: see what was left out', verdict: 'skipped' };
  const [over, under] = [best(a).median, best(b).median];
  const figure = `${(over / under).toFixed(2)} (${over.toFixed(1)} to ${under.toFixed(1)} ms)`;
  return { claim, figure, verdict: isOk(over / under) ? 'ok' : 'short' };
}

const timesAt = (rows: Results['passes'], tokens: number) => rows.find((row) => row.tokens === tokens)?.times ?? {};
const entriesOf = (limits: Readonly<Record<number, number>>) =>
  Object.entries(limits).map(([tokens, limit]) => [Number(tokens), limit] as const);
