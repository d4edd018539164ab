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
 * All slots but two keep a layer each; the other layers take turns in those two. With a cyclic order of use, any other policy (least recently
 * used among them) would fetch every layer in every pass.
 *
 * Resident layers lie between streamed ones: while one computes, the next streamed one arrives. Were they the first, reads would stand still
 * after two until the last of them had computed.
 */
export function createLayerSlots(layerCount: number): LayerSlots {
  const held = new Int16Array(layerCount).fill(EMPTY);
  const ranks = spreadRanks(layerCount);
  return {
    slotOf(layer, slotCount) {
      const residentCount = slotCount >= layerCount ? layerCount : slotCount - STREAM_SLOTS;
      if (ranks[layer]! < residentCount) return ranks[layer]!;
      let streamedBefore = 0;
      for (let other = 0; other < layer; other++) if (ranks[other]! >= residentCount) streamedBefore++;
      return residentCount + (streamedBefore % STREAM_SLOTS);
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

/**
 * The rank of each layer among those that stay: the first of them are spread over the whole model however many there are, and a pass with
 * room for one more keeps what the others keep. Ranks follow the layers' numbers with their bits reversed.
 */
function spreadRanks(layerCount: number): Uint8Array {
  const bits = Math.ceil(Math.log2(layerCount));
  const reversed = (layer: number) => Number.parseInt([...layer.toString(2).padStart(bits, '0')].reverse().join(''), 2);
  const order = Array.from({ length: layerCount }, (_, layer) => layer).sort((a, b) => reversed(a) - reversed(b));
  const ranks = new Uint8Array(layerCount);
  for (const [rank, layer] of order.entries()) ranks[layer] = rank;
  return ranks;
}
