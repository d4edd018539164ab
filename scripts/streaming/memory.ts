import { WASM_PAGE_BYTES } from '../../src/kernel/kernel.ts';
import { LIMITS } from '../../src/limits.ts';
import type { Finding } from '../check.ts';
import { mb, verdict } from './figures.ts';
import { type Measured, startMeasured } from './measured.ts';
import { type Preset, planOf, synthModel } from './models.ts';

const MiB = 2 ** 20;
const ISOLATE_BYTES = 128 * MiB;
/** Ten requests of mixed sizes, among them the longest there is. */
const MIXED_TOKENS = [16, 512, 64, 1024, 16, 8192, 128, 2048, 16, 256] as const;
const SAMPLE_MS = 250;

export async function* checkMemory(preset: Preset): AsyncGenerator<Finding> {
  const model = await synthModel(preset);
  const isolate = await startMeasured(model, { inspect: true });
  try {
    const sampler = sampleMemory(isolate);
    let long = { rows: 0, elapsedMs: 0 };
    for (const tokens of MIXED_TOKENS) {
      if (tokens === 8192) long = await isolate.streamColbert(tokens);
      else await isolate.encode(tokens);
    }
    const { mostBytes, samples } = await sampler.stop();
    yield {
      claim: `a text of 8,192 tokens completes in ${preset}, its ColBERT streamed out`,
      figure: `${long.rows} rows in ${(long.elapsedMs / 1000).toFixed(0)} s`,
      verdict: verdict(long.rows === 8191),
    };
    yield {
      claim: `wasm pages, V8 heap and backing stores of the isolate stay within 128 MiB through ten requests of 16 to 8,192 tokens, ${preset}`,
      figure: `at most ${mb(mostBytes)} (${(mostBytes / MiB).toFixed(1)} MiB) in ${samples} samples`,
      verdict: verdict(mostBytes <= ISOLATE_BYTES),
    };
    const planned = Math.max(...MIXED_TOKENS.map((tokens) => planOf(model, tokens, LIMITS.planBytes).totalBytes));
    const wanted = Math.ceil(planned / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
    const measured = await isolate.wasmBytes();
    yield {
      claim: `planMemory's figure is the wasm memory measured, ${preset}`,
      figure: `planned ${planned} bytes, in whole pages ${wanted}; measured ${measured}`,
      verdict: verdict(measured === wanted),
    };
  } finally {
    await isolate.stop();
  }
}

/** Looks at the isolate's memory until it is stopped; while it computes it answers between two pieces of work. */
function sampleMemory({ inspector, wasmBytes }: Measured) {
  let [isOver, mostBytes, samples] = [false, 0, 0];
  const sample = async (): Promise<void> => {
    const { totalSize, embedderHeapUsedSize, backingStorageSize } = await inspector!.heapUsage();
    mostBytes = Math.max(mostBytes, (await wasmBytes()) + totalSize + embedderHeapUsedSize + backingStorageSize);
    samples++;
  };
  const sampling = (async () => {
    while (!isOver) {
      await sample();
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    }
  })();
  return {
    async stop() {
      isOver = true;
      await sampling;
      await sample();
      return { mostBytes, samples };
    },
  };
}
