import {
  type Architecture,
  type LayerWeightTypes,
  LINEAR_NAMES,
  type LinearName,
} from '../../src/format/architecture.ts';
import {
  GROUP_BYTES,
  GROUP_SIZE,
  I4_RUN,
  I4_ZERO,
  type LinearLayout,
  PANEL_COLUMNS,
  planHeadsLayout,
  planLayerLayout,
  planPageLayout,
  type RowType,
  rowBytes,
  rowsInPage,
  type TableLayout,
} from '../../src/format/layout.ts';
import { expandCode, ZERO_POINT } from './quantise.ts';

/** A linear layer as the kernels see it, in float32. */
export interface UnpackedLinear {
  /** [n, k] */
  readonly weight: Float32Array;
  /** [n] */
  readonly bias: Float32Array;
}

export interface UnpackedLayer extends Readonly<Record<LinearName, UnpackedLinear>> {
  readonly attentionNorm: { readonly weight: Float32Array; readonly bias: Float32Array };
  readonly outputNorm: { readonly weight: Float32Array; readonly bias: Float32Array };
}

/** `layer-NN.bin` → weights: what quantisation left of them, one byte at a time as model-shards/README.md describes it. */
export function unpackLayer(bytes: Uint8Array, architecture: Architecture, types: LayerWeightTypes): UnpackedLayer {
  const layout = planLayerLayout(architecture, types);
  const norm = ({ weight, bias }: { weight: number; bias: number }) => ({
    weight: floats(bytes, weight, architecture.hiddenSize),
    bias: floats(bytes, bias, architecture.hiddenSize),
  });
  const linears = LINEAR_NAMES.map((name) => [name, unpackLinear(bytes, layout[name])] as const);
  return {
    ...(Object.fromEntries(linears) as Record<LinearName, UnpackedLinear>),
    attentionNorm: norm(layout.attentionNorm),
    outputNorm: norm(layout.outputNorm),
  };
}

export function unpackLinear(bytes: Uint8Array, layout: LinearLayout): UnpackedLinear {
  const { n, k, type } = layout;
  const packed = bytes.subarray(layout.weights);
  const u = type === 'u7' ? unpackU7(packed, n, k) : unpackU4g32(packed, n, k);
  const scale = floats(bytes, layout.scale, n);
  const weight = new Float32Array(n * k);
  for (let i = 0; i < n * k; i++) weight[i] = scale[Math.floor(i / k)]! * (u[i]! - ZERO_POINT);
  return { weight, bias: floats(bytes, layout.bias, n) };
}

/** [n, k] integers in 0..127. */
export function unpackU7(packed: Uint8Array, n: number, k: number): Uint8Array {
  const u = new Uint8Array(n * k);
  for (let row = 0; row < n; row++) {
    const panel = row - (row % PANEL_COLUMNS);
    for (let i = 0; i < k; i++)
      u[row * k + i] = packed[panel * k + (i - (i % 4)) * PANEL_COLUMNS + (row - panel) * 4 + (i % 4)]!;
  }
  return u;
}

/** [n, k] integers in 0..127. */
export function unpackU4g32(packed: Uint8Array, n: number, k: number): Uint8Array {
  const u = new Uint8Array(n * k);
  const groups = k / GROUP_SIZE;
  for (let row = 0; row < n; row++) {
    const column = row % PANEL_COLUMNS;
    const panel = ((row - column) / PANEL_COLUMNS) * groups * GROUP_BYTES;
    for (let i = 0; i < k; i++) {
      const group = panel + Math.floor(i / GROUP_SIZE) * GROUP_BYTES;
      const run = Math.floor((i % GROUP_SIZE) / 4);
      const byte = packed[group + 16 + 16 * run + 8 * (column & 1) + 2 * (i % 4) + ((column >> 1) & 1)]!;
      const code = column < 4 ? byte & 15 : byte >> 4;
      u[row * k + i] = expandCode(code, packed[group + column]!, packed[group + 8 + column]!);
    }
  }
  return u;
}

/** A page of a row table → `[rows, width]`. */
export function unpackRowPage(bytes: Uint8Array, table: TableLayout, page: number): Float32Array {
  const rows = rowsInPage(table, page);
  const layout = planPageLayout(table, page);
  const scale = floats(bytes, layout.scale, rows);
  const stored = copyOf(bytes, layout.values, rows * rowBytes(table.type, table.width));
  const values = integersOf(stored, table.type);
  return new Float32Array(values.length).map((_, i) => scale[Math.floor(i / table.width)]! * values[i]!);
}

function integersOf(stored: ArrayBuffer, type: RowType): Int8Array | Int16Array {
  if (type === 'i16') return new Int16Array(stored);
  if (type === 'i8') return new Int8Array(stored);
  const bytes = new Uint8Array(stored);
  return Int8Array.from({ length: 2 * bytes.length }, (_, i) => {
    const place = i % I4_RUN;
    const byte = bytes[(i - place) / 2 + (place % (I4_RUN / 2))]!;
    return (place < I4_RUN / 2 ? byte & 15 : byte >> 4) - I4_ZERO;
  });
}

/** `heads.bin` → weights. */
export function unpackHeads(
  bytes: Uint8Array,
  architecture: Architecture,
): { sparse: UnpackedLinear; colbert: UnpackedLinear } {
  const { hiddenSize: k, colbertSize: n } = architecture;
  const layout = planHeadsLayout(architecture);
  const values = new Int8Array(copyOf(bytes, layout.colbertWeights, n * k));
  const scale = floats(bytes, layout.colbertScale, n);
  const weight = new Float32Array(n * k);
  for (let row = 0; row < n; row++) {
    const column = row % PANEL_COLUMNS;
    for (let i = 0; i < k; i++)
      weight[row * k + i] = scale[row]! * values[(row - column) * k + i * PANEL_COLUMNS + column]!;
  }
  return {
    sparse: { weight: floats(bytes, layout.sparseWeight, k), bias: floats(bytes, layout.sparseBias, 1) },
    colbert: { weight, bias: floats(bytes, layout.colbertBias, n) },
  };
}

function floats(bytes: Uint8Array, offset: number, count: number): Float32Array {
  return new Float32Array(copyOf(bytes, offset, 4 * count));
}

/** A copy, as `bytes` may lie at any address. */
function copyOf(bytes: Uint8Array, offset: number, count: number): ArrayBuffer {
  const copy = new Uint8Array(count);
  copy.set(bytes.subarray(offset, offset + count));
  return copy.buffer;
}
