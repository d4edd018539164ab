import type { WeightType } from '../../src/format/architecture.ts';
import {
  GROUP_BYTES,
  GROUP_SIZE,
  I4_RUN,
  I4_ZERO,
  PANEL_COLUMNS,
  planPageLayout,
  planTableLayout,
  type RowType,
  weightBytes,
} from '../../src/format/layout.ts';
import { createU4Channel, quantiseSymmetric, quantiseU4, quantiseU7, type U4Channel, ZERO_POINT } from './quantise.ts';

/** A packed linear layer's first three sections; the bias stays as it is. */
export interface PackedLinear {
  readonly weights: Uint8Array;
  /** [n] */
  readonly scale: Float32Array;
  /** [n] scale · Σk (u - 64) */
  readonly columnSum: Float32Array;
}

/** k in a four-byte run of a panel: what one lane of a kernel's dot product takes. */
const RUN = 4;

/** `u7`: model-shards/README.md. @param weights `[n, k]`; 8 divides n, 4 divides k. */
export const packU7 = (weights: Float32Array, n: number, k: number): PackedLinear => packLinear('u7', weights, n, k);

/** `u4g32`: model-shards/README.md. @param weights `[n, k]`; 8 divides n, 32 divides k. */
export const packU4g32 = (weights: Float32Array, n: number, k: number): PackedLinear =>
  packLinear('u4g32', weights, n, k);

export function packLinear(type: WeightType, weights: Float32Array, n: number, k: number): PackedLinear {
  const packed = {
    weights: new Uint8Array(weightBytes(type, n, k)),
    scale: new Float32Array(n),
    columnSum: new Float32Array(n),
  };
  packRows(type, weights, 0, n, k, packed);
  return packed;
}

/**
 * Packs some rows of a linear layer into its sections, so that a weight need never be whole in memory.
 *
 * @param rows `[rowCount, k]`, which become rows `firstRow`.. of the layer; 8 divides `firstRow` and `rowCount`.
 */
export function packRows(
  type: WeightType,
  rows: Float32Array,
  firstRow: number,
  rowCount: number,
  k: number,
  into: PackedLinear,
): void {
  const packPanel = type === 'u7' ? createU7Panel(k) : createU4Panel(k);
  const panelBytes = weightBytes(type, PANEL_COLUMNS, k);
  for (let row = 0; row < rowCount; row += PANEL_COLUMNS) {
    const n = firstRow + row;
    const panel = into.weights.subarray((n / PANEL_COLUMNS) * panelBytes, (n / PANEL_COLUMNS + 1) * panelBytes);
    packPanel(
      rows,
      row * k,
      panel,
      into.scale.subarray(n, n + PANEL_COLUMNS),
      into.columnSum.subarray(n, n + PANEL_COLUMNS),
    );
  }
}

type PackPanel = (
  rows: Float32Array,
  start: number,
  panel: Uint8Array,
  scale: Float32Array,
  columnSum: Float32Array,
) => void;

function createU7Panel(k: number): PackPanel {
  const u = new Uint8Array(k);
  return (rows, start, panel, scale, columnSum) => {
    for (let c = 0; c < PANEL_COLUMNS; c++) {
      scale[c] = quantiseU7(rows, start + c * k, k, u, 0);
      columnSum[c] = scale[c]! * sumOfWeights(u);
      storeU7(u, c, panel);
    }
  };
}

function storeU7(u: Uint8Array, column: number, panel: Uint8Array): void {
  for (let i = 0; i < u.length; i += RUN) {
    const run = i * PANEL_COLUMNS + column * RUN;
    for (let j = 0; j < RUN; j++) panel[run + j] = u[i + j]!;
  }
}

function createU4Panel(k: number): PackPanel {
  const channel = createU4Channel(k);
  return (rows, start, panel, scale, columnSum) => {
    panel.fill(0); // two columns share a byte
    for (let c = 0; c < PANEL_COLUMNS; c++) {
      scale[c] = quantiseU4(rows, start + c * k, k, channel);
      columnSum[c] = scale[c]! * sumOfWeights(channel.u);
      storeU4(channel, c, panel);
    }
  };
}

/** Adds a column's steps, minima and codes to a panel that holds zeros for it. */
function storeU4({ steps, minima, codes }: U4Channel, column: number, panel: Uint8Array): void {
  const shift = column < PANEL_COLUMNS / 2 ? 0 : 4;
  for (let g = 0; g < steps.length; g++) {
    const at = g * GROUP_BYTES;
    panel[at + column] = steps[g]!;
    panel[at + PANEL_COLUMNS + column] = minima[g]!;
    for (let i = 0; i < GROUP_SIZE; i += RUN) {
      const run = at + 2 * PANEL_COLUMNS + (i * PANEL_COLUMNS) / 2 + 8 * (column & 1) + ((column >> 1) & 1);
      for (let j = 0; j < RUN; j++)
        panel[run + 2 * j] = panel[run + 2 * j]! | (codes[g * GROUP_SIZE + i + j]! << shift);
    }
  }
}

/**
 * Packs the channels of a whole linear layer that were rounded elsewhere.
 *
 * @param channels One a row; of `u7`, only `u` is looked at.
 * @param into Weights of zeros, and scales that are already there.
 */
export function packChannels(type: WeightType, channels: readonly U4Channel[], into: PackedLinear): void {
  const panelBytes = weightBytes(type, PANEL_COLUMNS, channels[0]!.u.length);
  for (const [n, channel] of channels.entries()) {
    const column = n % PANEL_COLUMNS;
    const start = ((n - column) / PANEL_COLUMNS) * panelBytes;
    const panel = into.weights.subarray(start, start + panelBytes);
    if (type === 'u7') storeU7(channel.u, column, panel);
    else storeU4(channel, column, panel);
    into.columnSum[n] = into.scale[n]! * sumOfWeights(channel.u);
  }
}

function sumOfWeights(u: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < u.length; i++) sum += u[i]!;
  return sum - ZERO_POINT * u.length;
}

const LARGEST: Readonly<Record<RowType, number>> = { i4: 7, i8: 127, i16: 32767 };

/** One page of a row table: `[rowCount, width]`, each row with its own scale. */
export function packRowPage(rows: Float32Array, rowCount: number, width: number, type: RowType): Uint8Array {
  const layout = planPageLayout(planTableLayout(rowCount, rowCount, type, width), 0);
  const page = new Uint8Array(layout.byteLength);
  const scale = new Float32Array(page.buffer, layout.scale, rowCount);
  const stored = page.subarray(layout.values);
  const values =
    type === 'i16' ? new Int16Array(page.buffer, layout.values, rowCount * width) : new Int8Array(rowCount * width);
  for (let row = 0; row < rowCount; row++) {
    scale[row] = quantiseSymmetric(rows, row * width, width, -LARGEST[type], LARGEST[type], values, row * width);
  }
  if (type === 'i4') storeI4(values, stored);
  else if (type === 'i8') stored.set(values);
  return page;
}

function storeI4(values: ArrayLike<number>, stored: Uint8Array): void {
  for (let i = 0; i < values.length; i++) {
    const place = i % I4_RUN;
    const at = (i - place) / 2 + (place % (I4_RUN / 2));
    const code = values[i]! + I4_ZERO;
    stored[at] = place < I4_RUN / 2 ? code : stored[at]! | (code << 4);
  }
}

/**
 * The ColBERT head's weights: int8, each of the `n` rows of `[n, k]` with its own scale.
 *
 * @returns `weights` as i8[n / 8][k][8 columns].
 */
export function packColbert(rows: Float32Array, n: number, k: number): { weights: Int8Array; scale: Float32Array } {
  const weights = new Int8Array(n * k);
  const scale = new Float32Array(n);
  const q = new Int8Array(k);
  for (let row = 0; row < n; row++) {
    scale[row] = quantiseSymmetric(rows, row * k, k, -LARGEST.i8, LARGEST.i8, q, 0);
    const column = row % PANEL_COLUMNS;
    const panel = (row - column) * k + column;
    for (let i = 0; i < k; i++) weights[panel + i * PANEL_COLUMNS] = q[i]!;
  }
  return { weights, scale };
}
