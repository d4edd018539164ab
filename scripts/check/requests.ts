import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fuzzRequests } from '../../test/routes/hostile-bodies.ts';
import { appUnderTest } from '../../test/support/call-app.ts';
import { fakeEmbedder } from '../../test/support/fake-embedder.ts';
import { openModel } from '../../test/support/models.ts';
import type { Finding } from '../check.ts';

const DEMO = fileURLToPath(new URL('../../model-shards/demo', import.meta.url));

const BODIES = 100_000;
/** A leak of 100 bytes a request would be 9 MB. */
const FLAT_BYTES = 8_000_000;

/** Fault D49: mutated request bodies, through all of the HTTP layer and an embedder that knows only tokens. */
export async function* check(): AsyncGenerator<Finding> {
  const stray: unknown[] = [];
  const onStray = (error: unknown) => stray.push(error);
  process.on('unhandledRejection', onStray);
  try {
    const { tokenizer } = await openModel(DEMO);
    const { post, logged } = appUnderTest(async () => fakeEmbedder({ tokenizer }));
    await fuzzRequests(BODIES / 10, 1, post);
    const before = liveBytes();
    const { accepted, refused, failures, slowestMs } = await fuzzRequests(BODIES, 2, post);
    const growth = liveBytes() - before;
    for (const failure of failures.slice(0, 10)) console.error(failure);
    const wrong = failures.length + logged.length + stray.length;
    yield {
      claim: `${BODIES} mutated bodies for all routes: 200 or 4xx, each as /openapi.json says, nothing thrown astray`,
      figure: `${accepted} answered, ${refused} refused, ${wrong} otherwise; slowest ${slowestMs.toFixed(0)} ms`,
      verdict: wrong === 0 ? 'ok' : 'short',
    };
    yield {
      claim: 'memory flat meanwhile',
      figure: `live memory grew by ${(growth / 1e6).toFixed(1)} MB`,
      verdict: growth < FLAT_BYTES ? 'ok' : 'short',
    };
  } finally {
    process.off('unhandledRejection', onStray);
  }
}

function liveBytes(): number {
  setFlagsFromString('--expose-gc'); // contexts made from now on have gc()
  runInNewContext('gc')();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
