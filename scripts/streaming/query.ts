import type { Finding } from '../check.ts';
import { ALL_RESIDENT, ROUNDS, verdict } from './figures.ts';
import { startMeasured } from './measured.ts';
import { synthModel } from './models.ts';

export async function* checkQuery(): AsyncGenerator<Finding> {
  const model = await synthModel('q4');
  const [streaming, resident] = [await startMeasured(model), await startMeasured(model, ALL_RESIDENT)];
  try {
    for (const isolate of [streaming, resident]) for (let i = 0; i < 3; i++) await isolate.encode(16);
    let [streamingMs, residentMs] = [Infinity, Infinity];
    for (let round = 0; round < 4 * ROUNDS; round++) {
      streamingMs = Math.min(streamingMs, await streaming.encode(16));
      residentMs = Math.min(residentMs, await resident.encode(16));
    }
    yield {
      claim:
        'a warm 16-token query with q4 and the default budget takes at most twice what it takes with everything resident',
      figure: `${(streamingMs / residentMs).toFixed(2)} x: ${streamingMs.toFixed(0)} ms, ${residentMs.toFixed(0)} ms`,
      verdict: verdict(streamingMs <= 2 * residentMs),
    };
  } finally {
    await streaming.stop();
    await resident.stop();
  }
}
