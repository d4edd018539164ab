import type { Finding } from '../check.ts';
import { mb, verdict } from './figures.ts';
import { startMeasured } from './measured.ts';
import { synthModel } from './models.ts';

export async function* checkResidentSet(): AsyncGenerator<Finding> {
  const isolate = await startMeasured(await synthModel('q4'));
  try {
    for (let warmUp = 0; warmUp < 3; warmUp++) await isolate.encode(16);
    const resident: number[] = [];
    for (let request = 0; request < 50; request++) {
      await isolate.encode(16);
      resident.push(isolate.workerd.residentBytes());
    }
    const slope = slopeOf(resident);
    yield {
      claim: 'the resident set of workerd grows by less than 1 MB a request over 50 requests that stream layers',
      figure: `${mb(slope)} a request; ${mb(resident[0]!)} after the first, ${mb(resident.at(-1)!)} after the last`,
      verdict: verdict(slope < 1e6),
    };
  } finally {
    await isolate.stop();
  }
}

/** Of the straight line with the least squares through equally distant values. */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const meanValue = values.reduce((sum, value) => sum + value, 0) / values.length;
  const rise = values.reduce((sum, value, index) => sum + (index - middle) * (value - meanValue), 0);
  return rise / values.reduce((sum, _, index) => sum + (index - middle) ** 2, 0);
}
