import type { LayerSlots } from './layer-slots.ts';

export interface LayerStream {
  /** Resolves with the slot that holds `layer`, and whether it was there before the pass. Layers are asked for in ascending order. */
  ready(layer: number): Promise<{ readonly slot: number; readonly resident: boolean }>;
  /** The layer has been computed: its slot may be overwritten. */
  done(layer: number): void;
  /** Whether a layer is being read. */
  isReading(): boolean;
  /** Stops every read that is still under way. */
  close(): void;
}

/** Reads under way at once: one fills the slot that computes next, one the slot after it. */
const READS_AHEAD = 2;

/**
 * Feeds the layers of one pass through the slots: a read begins as soon as the layer before it in the same slot has been computed.
 * Its promises belong to the request that runs the pass; what stays between requests is `slots`, values only.
 *
 * @param load Fills `slot` with `layer`; rejects where the shard cannot be read.
 */
export function createLayerStream(
  slots: LayerSlots,
  layerCount: number,
  slotCount: number,
  load: (layer: number, slot: number, signal: AbortSignal) => Promise<void>,
): LayerStream {
  const abort = new AbortController();
  const reads = new Map<number, Promise<void>>();
  let next = 0;
  let computed = -1;
  let underWay = 0;

  const mayRead = (layer: number, slot: number): boolean => {
    for (let other = computed + 1; other < layer; other++) if (slots.slotOf(other, slotCount) === slot) return false;
    return true;
  };
  const start = (layer: number, slot: number): void => {
    slots.clear(slot);
    underWay++;
    const read = load(layer, slot, abort.signal).then(() => {
      slots.fill(slot, layer);
      underWay--;
      pump();
    });
    read.catch(() => {}); // awaited in `ready`; until then an early failure must not count as unhandled
    reads.set(layer, read);
  };
  const pump = (): void => {
    while (next < layerCount && underWay < READS_AHEAD && !abort.signal.aborted) {
      const slot = slots.slotOf(next, slotCount);
      if (!slots.holds(next, slot)) {
        if (!mayRead(next, slot)) return;
        start(next, slot);
      }
      next++;
    }
  };

  pump();
  return {
    async ready(layer) {
      const read = reads.get(layer);
      await read;
      return { slot: slots.slotOf(layer, slotCount), resident: read === undefined };
    },
    done(layer) {
      computed = layer;
      reads.delete(layer);
      pump();
    },
    isReading: () => underWay > 0,
    close: () => abort.abort(),
  };
}
