import { STREAM_SLOTS } from '../../src/engine/memory-plan.ts';
import { layerFile } from '../../src/format/layout.ts';
import { LIMITS } from '../../src/limits.ts';
import type { Finding } from '../check.ts';
import { ALL_RESIDENT, LAYERS, ROUNDS, seconds, THROTTLE, verdict } from './figures.ts';
import { startMeasured } from './measured.ts';
import { FREQUENT_TEXT, type Preset, planOf, synthModel } from './models.ts';

export async function* checkOverlap(preset: Preset): AsyncGenerator<Finding> {
  const model = await synthModel(preset);
  const tokens = 128;
  // Two slots and no more: every layer comes from storage in every pass.
  const streamedBytes = budgetOfSlots(model, tokens, STREAM_SLOTS);
  const [streamed, resident] = [
    await startMeasured(model, { memoryBytes: streamedBytes }),
    await startMeasured(model, ALL_RESIDENT),
  ];
  try {
    await streamed.encode(tokens, FREQUENT_TEXT);
    await resident.encode(tokens, FREQUENT_TEXT);
    await streamed.storage.setThrottle(THROTTLE);
    let [total, compute, transfer] = [Infinity, Infinity, Infinity];
    for (let round = 0; round < ROUNDS; round++) {
      total = Math.min(total, await streamed.encode(tokens, FREQUENT_TEXT));
      compute = Math.min(compute, await resident.encode(tokens, FREQUENT_TEXT));
      transfer = Math.min(transfer, await readLayers(streamed.storage.url));
    }
    const share = total / Math.max(compute, transfer);
    yield {
      claim: `${LAYERS} layers of ${preset} from a source of 25 ms and 140 MB/s take at most 1.15 x max(compute, transfer) at 128 tokens`,
      figure: `${share.toFixed(2)} x: ${seconds(total)} with all layers streamed, compute ${seconds(compute)}, transfer ${seconds(transfer)}`,
      verdict: verdict(share <= 1.15),
    };
  } finally {
    await streamed.stop();
    await resident.stop();
  }
}

/** The least memory in which a pass of one text has so many slots. */
function budgetOfSlots(model: string, tokens: number, slots: number): number {
  const { slotCount, slotBytes, totalBytes } = planOf(model, tokens, LIMITS.planBytes);
  return totalBytes - (slotCount - slots) * slotBytes;
}

/** All layers by a client that does nothing else, two at a time as the engine reads them. @returns Milliseconds. */
async function readLayers(url: string): Promise<number> {
  const layers = Array.from({ length: LAYERS }, (_, layer) => layerFile(layer)).values();
  const startMs = performance.now();
  const read = async (): Promise<void> => {
    for (const layer of layers) for await (const _ of (await fetch(url + layer)).body!) void _;
  };
  await Promise.all([read(), read()]);
  return performance.now() - startMs;
}
