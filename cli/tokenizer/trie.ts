import { UNIT_HAS_PIECE, UNIT_IS_LEAF } from '../../src/tokenizer/vocabulary.ts';

export interface TrieEntry {
  /** One UTF-16 unit a code; not empty. */
  readonly codes: string;
  readonly id: number;
}

export interface Trie {
  readonly units: Int32Array;
  readonly check: Uint16Array;
}

/**
 * Builds the double array of `src/tokenizer/vocabulary.ts`, nodes placed depth first so that a piece's slots lie near each other.
 *
 * @param entries Without repeats; sorted here.
 * @param codeCount The largest code that is ever looked up.
 */
export function buildTrie(entries: readonly TrieEntry[], codeCount: number): Trie {
  const sorted = [...entries].sort((a, b) => (a.codes < b.codes ? -1 : 1));
  const slots = createSlots(codeCount);

  // Nodes still to be placed: the entries [from, to) share `depth` codes and belong to `slot`.
  const pending = [{ slot: 0, from: 0, to: sorted.length, depth: 0 }];
  const labels: number[] = [];
  const starts: number[] = [];
  for (let node = pending.pop(); node; node = pending.pop()) {
    const { slot, from, to, depth } = node;
    const own = sorted[from]!.codes.length === depth ? sorted[from]!.id : -1;
    if (own >= 0 && to - from === 1) {
      slots.units[slot] = (own << 2) | UNIT_IS_LEAF;
      continue;
    }
    labels.length = starts.length = 0;
    if (own >= 0) labels.push(0);
    for (let i = own >= 0 ? from + 1 : from; i < to; i++) {
      const code = sorted[i]!.codes.charCodeAt(depth);
      if (code === labels.at(-1)) continue;
      labels.push(code);
      starts.push(i);
    }
    const base = slots.place(labels);
    slots.units[slot] = (base << 2) | (own >= 0 ? UNIT_HAS_PIECE : 0);
    if (own >= 0) slots.units[base] = own << 2;
    const children = own >= 0 ? labels.slice(1) : labels;
    for (let i = children.length - 1; i >= 0; i--) {
      pending.push({ slot: base + children[i]!, from: starts[i]!, to: starts[i + 1] ?? to, depth: depth + 1 });
    }
  }
  return slots.finish();
}

/** Slots of a double array, of which the free ones form a list. */
function createSlots(codeCount: number) {
  let units = new Int32Array(1 << 16);
  let check = new Uint16Array(1 << 16);
  /** Next free slot after a free slot. */
  let next = new Uint32Array(1 << 16);
  let isTaken = new Uint8Array(1 << 16);
  let isBase = new Uint8Array(1 << 16);
  let largestBase = 0;
  /**
   * By the logarithm of the number of children, where the search for room goes on: what is free before it was too narrow for as many. Only children
   * fill the gaps.
   */
  const searchFrom: number[] = [];

  const grow = (length: number) => {
    const old = units.length;
    if (length <= old) return;
    const capacity = Math.max(old * 2, length);
    const larger = <T extends Uint8Array | Uint16Array | Uint32Array | Int32Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    units = larger(units, new Int32Array(capacity));
    check = larger(check, new Uint16Array(capacity));
    next = larger(next, new Uint32Array(capacity));
    isTaken = larger(isTaken, new Uint8Array(capacity));
    isBase = larger(isBase, new Uint8Array(capacity));
    for (let slot = old; slot < capacity; slot++) next[slot] = slot + 1;
  };
  for (let slot = 0; slot < next.length; slot++) next[slot] = slot + 1;
  isTaken[0] = 1;

  /** The first free slot from `slot` on; taken ones on the way are skipped for good. */
  const freeFrom = (slot: number): number => {
    let free = slot;
    grow(free + 1);
    while (isTaken[free]) {
      free = next[free]!;
      grow(free + 1);
    }
    for (let passed = slot; passed < free; ) {
      const after = next[passed]!;
      next[passed] = free;
      passed = after;
    }
    return free;
  };

  return {
    get units() {
      return units;
    },

    /** Takes the slots base + label, and returns base. */
    place(labels: readonly number[]): number {
      const group = Math.ceil(Math.log2(labels.length));
      const first = labels[0]!;
      const last = labels.at(-1)!;
      let free = freeFrom(Math.max(searchFrom[group] ?? 1, first + 1));
      for (; ; free = freeFrom(free + 1)) {
        const base = free - first;
        grow(base + last + 1);
        if (isBase[base]) continue;
        if (labels.every((label) => isTaken[base + label] === 0)) break;
      }
      const base = free - first;
      if (labels.length > 1) searchFrom[group] = free;
      isBase[base] = 1;
      largestBase = Math.max(largestBase, base);
      for (const label of labels) {
        isTaken[base + label] = 1;
        check[base + label] = label;
      }
      return base;
    },

    finish(): Trie {
      const length = largestBase + codeCount + 1;
      grow(length);
      return { units: units.slice(0, length), check: check.slice(0, length) };
    },
  };
}
