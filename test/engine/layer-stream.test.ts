import { describe, expect, it } from 'vitest';
import { createLayerSlots } from '../../src/engine/layer-slots.ts';
import { createLayerStream } from '../../src/engine/layer-stream.ts';

/** Runs passes over a stream whose reads take a macrotask, and notes what is read and when. */
async function runPass(slots: ReturnType<typeof createLayerSlots>, layerCount: number, slotCount: number) {
  const contents = new Map<number, number>();
  const reads: number[] = [];
  let underWay = 0;
  let most = 0;
  let computing = -1;
  const stream = createLayerStream(slots, layerCount, slotCount, async (layer, slot) => {
    expect(slot).not.toBe(computing < 0 ? -1 : slots.slotOf(computing, slotCount));
    most = Math.max(most, ++underWay);
    reads.push(layer);
    await new Promise((resolve) => setTimeout(resolve, 1));
    contents.set(slot, layer);
    underWay--;
  });
  for (let layer = 0; layer < layerCount; layer++) {
    const { slot, resident } = await stream.ready(layer);
    expect(resident).toBe(!reads.includes(layer));
    computing = layer;
    if (reads.includes(layer)) expect(contents.get(slot)).toBe(layer);
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (reads.includes(layer)) expect(contents.get(slot)).toBe(layer);
    computing = -1;
    stream.done(layer);
  }
  stream.close();
  return { reads, most };
}

describe('createLayerStream', () => {
  it('reads every layer once, in order, at most two at a time, never into the slot that computes', async () => {
    const { reads, most } = await runPass(createLayerSlots(9), 9, 2);
    expect(reads).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(most).toBe(2);
  });

  it('reads nothing where all layers are resident from the pass before', async () => {
    const slots = createLayerSlots(5);
    expect((await runPass(slots, 5, 5)).reads).toEqual([0, 1, 2, 3, 4]);
    expect((await runPass(slots, 5, 5)).reads).toEqual([]);
  });

  it('keeps a layer in each slot but two, between those that it streams in each pass', async () => {
    const slots = createLayerSlots(10);
    await runPass(slots, 10, 6);
    expect((await runPass(slots, 10, 6)).reads).toEqual([1, 3, 5, 6, 7, 9]);
  });

  it('keeps in a pass with more room what one with less keeps', () => {
    const slots = createLayerSlots(24);
    const keptIn = (slotCount: number) =>
      Array.from({ length: 24 }, (_, layer) => layer).filter((layer) => slots.slotOf(layer, slotCount) < slotCount - 2);
    for (let slotCount = 3; slotCount < 23; slotCount++) {
      expect(keptIn(slotCount)).toHaveLength(slotCount - 2);
      expect(keptIn(slotCount + 1)).toEqual(expect.arrayContaining(keptIn(slotCount)));
      for (const layer of keptIn(slotCount))
        expect(slots.slotOf(layer, slotCount + 1)).toBe(slots.slotOf(layer, slotCount));
    }
  });

  it('reads again what a larger pass has overwritten', async () => {
    const slots = createLayerSlots(6);
    await runPass(slots, 6, 6);
    slots.keepOnly(3);
    // Layer 2 is where its turn in the smaller pass would put it.
    const { reads } = await runPass(slots, 6, 3);
    expect(reads).toEqual([1, 3, 4, 5]);
    slots.keepOnly(6);
    expect((await runPass(slots, 6, 6)).reads).toEqual([1, 2, 3, 4, 5]);
  });

  it('fails where the layer is awaited, leaves its slot empty and starts no more reads', async () => {
    const slots = createLayerSlots(6);
    const reads: number[] = [];
    const stream = createLayerStream(slots, 6, 2, async (layer) => {
      reads.push(layer);
      if (layer === 1) throw new Error('layer-01.bin: gone');
    });
    await stream.ready(0);
    stream.done(0);
    await expect(stream.ready(1)).rejects.toThrow('layer-01.bin: gone');
    stream.close();
    expect(slots.holds(1, slots.slotOf(1, 2))).toBe(false);
    expect(reads.length).toBeLessThanOrEqual(3);
  });
});
