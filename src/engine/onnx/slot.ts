import { type Architecture, type LayerWeightTypes, LINEAR_NAMES } from '../../format/architecture.ts';
import {
  GROUP_BYTES,
  GROUP_SIZE,
  type LayerLayout,
  type LinearLayout,
  PANEL_COLUMNS,
  planLayerLayout,
  weightBytes,
} from '../../format/layout.ts';
import type { MatrixName } from './layer-graphs.ts';

const ALL_U7: LayerWeightTypes = { qkv: 'u7', attentionOutput: 'u7', intermediate: 'u7', output: 'u7' };

/** Where a prepared slot has everything: as in a shard of `u7`, but each weight matrix is u8 [k, n], query, key and value apart. */
export function planSlot(architecture: Architecture): LayerLayout {
  return planLayerLayout(architecture, ALL_U7);
}

/** A weight matrix of a prepared slot: byte offsets from the slot's start. */
export interface SlotMatrix extends Omit<LinearLayout, 'type'> {
  readonly name: MatrixName;
}

/** The prepared slot's matrices in the order in which they lie. */
export function matricesOf({ qkv, attentionOutput, intermediate, output }: LayerLayout): SlotMatrix[] {
  const n = qkv.n / 3;
  const thirds = (['query', 'key', 'value'] as const).map((name, third) => ({
    ...qkv,
    name,
    n,
    weights: qkv.weights + third * n * qkv.k,
    scale: qkv.scale + 4 * third * n,
    columnSum: qkv.columnSum + 4 * third * n,
    bias: qkv.bias + 4 * third * n,
  }));
  return [
    ...thirds,
    { ...attentionOutput, name: 'attentionOutput' },
    { ...intermediate, name: 'intermediate' },
    { ...output, name: 'output' },
  ];
}

/**
 * Rewrites a shard in its slot, from the last section to the first: none of them lies behind the place that it moves to, so nothing is overwritten
 * that is still to be read.
 *
 * @param slot The shard at its start; a multiple of 4 bytes into its buffer, as long as `target`.
 * @param scratch As long as the largest matrix.
 */
export function prepareSlot(slot: Uint8Array, shard: LayerLayout, target: LayerLayout, scratch: Uint8Array): void {
  const move = (from: number, to: number, count: number) => slot.copyWithin(to, from, from + 4 * count);
  for (const name of ['outputNorm', 'attentionNorm'] as const) {
    move(shard[name].bias, target[name].bias, target.attentionOutput.n);
    move(shard[name].weight, target[name].weight, target.attentionOutput.n);
  }
  for (const name of LINEAR_NAMES.toReversed()) {
    const [from, to] = [shard[name], target[name]];
    move(from.bias, to.bias, from.n);
    move(from.columnSum, to.columnSum, from.n);
    move(from.scale, to.scale, from.n);
    const parts = name === 'qkv' ? 3 : 1;
    const n = from.n / parts;
    const unpack = from.type === 'u7' ? unpackU7 : unpackU4g32;
    for (let part = parts - 1; part >= 0; part--) {
      const packed = scratch.subarray(0, weightBytes(from.type, n, from.k));
      const start = from.weights + part * packed.length;
      packed.set(slot.subarray(start, start + packed.length));
      unpack(
        packed,
        n,
        from.k,
        new Uint32Array(slot.buffer, slot.byteOffset + to.weights + part * n * from.k, (n * from.k) / 4),
      );
    }
  }
}

/**
 * `u7` panels → u8 [k, n], four columns a word: 0.7 ns a weight, where byte by byte takes 1.6.
 *
 * @param out Little-endian words.
 */
function unpackU7(packed: Uint8Array, n: number, k: number, out: Uint32Array): void {
  const words = new Uint32Array(packed.buffer, packed.byteOffset, packed.length / 4);
  const rowWords = n / 4;
  for (let step = 0; step < k / 4; step++) {
    const row0 = 4 * step * rowWords;
    const row1 = row0 + rowWords;
    const row2 = row1 + rowWords;
    const row3 = row2 + rowWords;
    for (let word = 0; word < rowWords; word++) {
      // Half a panel's step: four columns, a word of four k each.
      const at = (word >> 1) * 2 * k + step * PANEL_COLUMNS + (word & 1) * 4;
      const a = words[at]!;
      const b = words[at + 1]!;
      const c = words[at + 2]!;
      const d = words[at + 3]!;
      out[row0 + word] = (a & 0xff) | ((b & 0xff) << 8) | ((c & 0xff) << 16) | (d << 24);
      out[row1 + word] = ((a >>> 8) & 0xff) | (b & 0xff00) | ((c << 8) & 0xff0000) | ((d << 16) & 0xff000000);
      out[row2 + word] = ((a >>> 16) & 0xff) | ((b >>> 8) & 0xff00) | (c & 0xff0000) | ((d << 8) & 0xff000000);
      out[row3 + word] = (a >>> 24) | ((b >>> 16) & 0xff00) | ((c >>> 8) & 0xff0000) | (d & 0xff000000);
    }
  }
}

/** `u4g32` panels → u8 [k, n], each group through a table of what its codes stand for. */
function unpackU4g32(packed: Uint8Array, n: number, k: number, out: Uint32Array): void {
  const values = new Uint8Array(16 * PANEL_COLUMNS);
  const groups = k / GROUP_SIZE;
  for (let panel = 0; panel < n / PANEL_COLUMNS; panel++) {
    for (let group = 0; group < groups; group++) {
      const at = (panel * groups + group) * GROUP_BYTES;
      for (let column = 0; column < PANEL_COLUMNS; column++) {
        const [step, minimum] = [packed[at + column]!, packed[at + PANEL_COLUMNS + column]!];
        for (let code = 0; code < 16; code++) values[16 * column + code] = ((code * step + 8) >> 4) + minimum;
      }
      for (let i = 0; i < GROUP_SIZE; i++) {
        // Bytes of one k: columns 0 and 4, 2 and 6, eight further 1 and 5, 3 and 7 (model-shards/README.md).
        const codes = at + 2 * PANEL_COLUMNS + 16 * (i >> 2) + 2 * (i & 3);
        const c0 = packed[codes]!;
        const c2 = packed[codes + 1]!;
        const c1 = packed[codes + 8]!;
        const c3 = packed[codes + 9]!;
        const word = ((group * GROUP_SIZE + i) * n) / 4 + 2 * panel;
        out[word] =
          values[c0 & 15]! |
          (values[16 | (c1 & 15)]! << 8) |
          (values[32 | (c2 & 15)]! << 16) |
          (values[48 | (c3 & 15)]! << 24);
        out[word + 1] =
          values[64 | (c0 >> 4)]! |
          (values[80 | (c1 >> 4)]! << 8) |
          (values[96 | (c2 >> 4)]! << 16) |
          (values[112 | (c3 >> 4)]! << 24);
      }
    }
  }
}
