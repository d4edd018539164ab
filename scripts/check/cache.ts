import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from '../../src/client/client.ts';
import { type LayerRunner, WASM_LAYERS } from '../../src/engine/layer-runner.ts';
import { appUnderTest } from '../../test/support/call-app.ts';
import { startDevServer } from '../../test/support/dev-server.ts';
import { memoryCache } from '../../test/support/memory-cache.ts';
import { openModel } from '../../test/support/models.ts';
import type { Finding } from '../check.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const xlmr = join(root, '../shared/data/xlmr/tokenizer.json');
const REPEATS = 5;
const TOKENS = 128;
const LEAST_RATIO = 50;

/** The answer cache: what a repeated text costs. */
export async function* check(): AsyncGenerator<Finding> {
  yield await countKernelCalls();
  yield await measureRepeats();
}

/** With the demo, in Node: every encoder layer that runs goes through one function. */
async function countKernelCalls(): Promise<Finding> {
  let layersRun = 0;
  const counted: LayerRunner = {
    ...WASM_LAYERS,
    run(...args) {
      layersRun++;
      return WASM_LAYERS.run(...args);
    },
  };
  const embedder = await openModel(join(root, 'model-shards/demo'), { layers: counted });
  const storing: Promise<unknown>[] = [];
  const { post } = appUnderTest(async () => embedder, {
    answers: memoryCache(),
    waitUntil: (work) => storing.push(work),
  });
  const ask = async () => {
    const before = layersRun;
    const { text } = await post('/encode', { texts: ['What is BGE M3?'], return_sparse: true });
    await Promise.all(storing);
    return { text, layers: layersRun - before };
  };
  const first = await ask();
  const again = await ask();
  return {
    claim: 'a repeat makes no kernel call, and is answered with the same bytes',
    figure: `${first.layers} layers ran for the first, ${again.layers} for the repeat`,
    verdict: first.layers > 0 && again.layers === 0 && again.text === first.text ? 'ok' : 'short',
  };
}

/** With a model of BGE-M3's size, in wrangler dev, as a caller sees it. */
async function measureRepeats(): Promise<Finding> {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-cache-'));
  try {
    const args = ['cli/bin.js', 'model', 'synth', '--out', join(directory, 'model')];
    if (existsSync(xlmr)) args.push('--tokenizer', xlmr);
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    const server = await startDevServer(join(directory, 'model'));
    try {
      const m3 = createClient({ baseUrl: server.url });
      const timed = async (text: string) => {
        const startedMs = performance.now();
        const [embedded] = await m3.encode([text], { max_length: TOKENS, truncate: true });
        return { ms: performance.now() - startedMs, ...embedded! };
      };
      const texts = Array.from({ length: REPEATS + 1 }, (_, i) => `${i} and what comes after it, `.repeat(200));
      await timed(texts.pop()!); // reads the model
      const computed = [];
      for (const text of texts) computed.push(await timed(text));
      const repeated: (typeof computed)[number][] = [];
      for (const text of texts) repeated.push(await timed(text));
      const isSame = computed.every(({ dense }, i) => dense!.every((value, k) => value === repeated[i]!.dense![k]));
      const [first, again] = [median(computed.map(({ ms }) => ms)), median(repeated.map(({ ms }) => ms))];
      return {
        claim: `model synth, ${TOKENS} tokens: a repeat is at least ${LEAST_RATIO} times faster, with the same bits`,
        figure: `${first.toFixed(0)} ms for ${computed[0]!.tokens} tokens, then ${again.toFixed(1)} ms: ${(first / again).toFixed(0)} times, medians of ${REPEATS}`,
        verdict: isSame && computed[0]!.tokens === TOKENS && first / again >= LEAST_RATIO ? 'ok' : 'short',
      };
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
