import { STREAM_SLOTS } from './memory-plan.ts';

/** Which encoder layer each slot of wasm memory holds, from one pass to the next. */
export interface LayerSlots {
  /** The slot that `layer` uses in a pass of `slotCount` slots. */
  slotOf(layer: number, slotCount: number): number;
  holds(layer: number, slot: number): boolean;
  /** A slot that is being written holds nothing. */
  clear(slot: number): void;
  fill(slot: number, layer: number): void;
  /** Slots from `slotCount` on are overwritten by a larger pass. */
  keepOnly(slotCount: number): void;
}

const EMPTY = -1;

/**
 * The first layers keep a slot each; the others take turns in the last two. With a cyclic order of use, any other policy (least recently
 * used among them) would fetch every layer in every pass.
 */
export function createLayerSlots(layerCount: number): LayerSlots {
  const held = new Int16Array(layerCount).fill(EMPTY);
  return {
    slotOf(layer, slotCount) {
      const resident = slotCount >= layerCount ? layerCount : slotCount - STREAM_SLOTS;
      return layer < resident ? layer : resident + ((layer - resident) % STREAM_SLOTS);
    },
    holds: (layer, slot) => held[slot] === layer,
    clear(slot) {
      held[slot] = EMPTY;
    },
    fill(slot, layer) {
      held[slot] = layer;
    },
    keepOnly(slotCount) {
      held.fill(EMPTY, slotCount);
    },
  };
}
