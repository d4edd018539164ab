import type { Finding } from '../check.ts';
import { ALL_RESIDENT, ROUNDS, seconds, THROTTLE, verdict } from './figures.ts';
import { startMeasured } from './measured.ts';
import { synthModel } from './models.ts';

export async function* checkGathering(): AsyncGenerator<Finding> {
  const model = await synthModel('q4');
  const throttled = await startMeasured(model);
  const resident = await startMeasured(model, ALL_RESIDENT);
  try {
    for (const isolate of [throttled, resident]) for (const tokens of [16, 128]) await isolate.encode(tokens);
    await throttled.storage.setThrottle(THROTTLE);
    let [one, eight, inARow] = [Infinity, Infinity, Infinity];
    let [residentEight, residentPass] = [Infinity, Infinity];
    for (let round = 0; round < ROUNDS; round++) {
      one = Math.min(one, await throttled.encode(16));
      eight = Math.min(eight, await throttled.encodeAtOnce(8, 16));
      const startMs = performance.now();
      for (let request = 0; request < 8; request++) await throttled.encode(16);
      inARow = Math.min(inARow, performance.now() - startMs);
      residentEight = Math.min(residentEight, await resident.encodeAtOnce(8, 16));
      residentPass = Math.min(residentPass, await resident.encode(128));
    }
    yield {
      claim:
        'with that source eight 16-token requests at once are answered within 1.5 x the time of one, and a quarter of eight in a row',
      figure: `${(eight / one).toFixed(2)} x one, ${(eight / inARow).toFixed(2)} x eight in a row: ${seconds(eight)}, ${seconds(one)}, ${seconds(inARow)}`,
      verdict: verdict(eight <= 1.5 * one && eight <= inARow / 4),
    };
    yield {
      claim: 'with all layers resident, within 1.1 x one pass of 128 tokens',
      figure: `${(residentEight / residentPass).toFixed(2)} x: ${seconds(residentEight)}, ${seconds(residentPass)}`,
      verdict: verdict(residentEight <= 1.1 * residentPass),
    };
  } finally {
    await throttled.stop();
    await resident.stop();
  }
}
