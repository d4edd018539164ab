import {
  type Architecture,
  type LayerWeightTypes,
  LINEAR_NAMES,
  type LinearName,
  linearShape,
  type WeightType,
} from './architecture.ts';

/** Sections begin at multiples of this, so that no vector load of a kernel crosses a cache line. */
export const SECTION_ALIGNMENT = 64;
/** Output features of one weight panel. */
export const PANEL_COLUMNS = 8;
/** Input features that share a step and a minimum in `u4g32`. */
export const GROUP_SIZE = 32;
/** Bytes of one panel's group in `u4g32`: 8 steps, 8 minima, 128 bytes of codes. */
export const GROUP_BYTES = 144;

/** Byte offsets of a linear layer's sections, from the start of the shard. */
export interface LinearLayout {
  readonly n: number;
  readonly k: number;
  readonly type: WeightType;
  readonly weights: number;
  readonly scale: number;
  readonly columnSum: number;
  readonly bias: number;
}

/** Byte offsets of a LayerNorm's two sections. */
export interface NormLayout {
  readonly weight: number;
  readonly bias: number;
}

export interface LayerLayout extends Readonly<Record<LinearName, LinearLayout>> {
  readonly attentionNorm: NormLayout;
  readonly outputNorm: NormLayout;
  readonly byteLength: number;
}

/** Hands out consecutive aligned sections. */
function sectionCursor() {
  let offset = 0;
  return {
    take(bytes: number): number {
      const start = offset;
      offset = alignUp(start + bytes);
      return start;
    },
    /** Length of a file that holds all sections taken so far; the last one is padded like the others. */
    byteLength: () => offset,
  };
}

export function alignUp(bytes: number): number {
  return Math.ceil(bytes / SECTION_ALIGNMENT) * SECTION_ALIGNMENT;
}

/** Bytes of a packed [n, k] weight. */
export function weightBytes(type: WeightType, n: number, k: number): number {
  return type === 'u7' ? n * k : (n / PANEL_COLUMNS) * (k / GROUP_SIZE) * GROUP_BYTES;
}

/** Where everything lies in `layer-NN.bin`. */
export function planLayerLayout(architecture: Architecture, types: LayerWeightTypes): LayerLayout {
  const cursor = sectionCursor();
  const linear = (name: LinearName): LinearLayout => {
    const [n, k] = linearShape(architecture, name);
    const type = types[name];
    return {
      n,
      k,
      type,
      weights: cursor.take(weightBytes(type, n, k)),
      scale: cursor.take(4 * n),
      columnSum: cursor.take(4 * n),
      bias: cursor.take(4 * n),
    };
  };
  const norm = (): NormLayout => ({
    weight: cursor.take(4 * architecture.hiddenSize),
    bias: cursor.take(4 * architecture.hiddenSize),
  });
  const [qkv, attentionOutput, intermediate, output] = LINEAR_NAMES.map(linear) as [
    LinearLayout,
    LinearLayout,
    LinearLayout,
    LinearLayout,
  ];
  const attentionNorm = norm();
  const outputNorm = norm();
  return { qkv, attentionOutput, intermediate, output, attentionNorm, outputNorm, byteLength: cursor.byteLength() };
}

/** Where everything lies in `embeddings.bin`. */
export function planEmbeddingsLayout(architecture: Architecture): NormLayout & { readonly byteLength: number } {
  const cursor = sectionCursor();
  const weight = cursor.take(4 * architecture.hiddenSize);
  const bias = cursor.take(4 * architecture.hiddenSize);
  return { weight, bias, byteLength: cursor.byteLength() };
}

export interface HeadsLayout {
  readonly sparseWeight: number;
  readonly sparseBias: number;
  readonly colbertWeights: number;
  readonly colbertScale: number;
  readonly colbertBias: number;
  readonly byteLength: number;
}

/** Where everything lies in `heads.bin`. */
export function planHeadsLayout(architecture: Architecture): HeadsLayout {
  const { hiddenSize, colbertSize } = architecture;
  const cursor = sectionCursor();
  const sparseWeight = cursor.take(4 * hiddenSize);
  const sparseBias = cursor.take(4);
  const colbertWeights = cursor.take(colbertSize * hiddenSize);
  const colbertScale = cursor.take(4 * colbertSize);
  const colbertBias = cursor.take(4 * colbertSize);
  return { sparseWeight, sparseBias, colbertWeights, colbertScale, colbertBias, byteLength: cursor.byteLength() };
}

/** A table of rows cut into pages of whole rows. */
export interface TableLayout {
  readonly rowCount: number;
  readonly pageRows: number;
  readonly pageCount: number;
  readonly type: RowType;
  readonly width: number;
}

/** How many bits a row's values have: `i4` and `i8` for words, `i16` for positions. */
export type RowType = 'i4' | 'i8' | 'i16';
const VALUE_BITS = { i4: 4, i8: 8, i16: 16 } as const satisfies Record<RowType, number>;
/** Bytes of a row's values. */
export const rowBytes = (type: RowType, width: number): number => (width * VALUE_BITS[type]) / 8;
/** Values that share eight bytes in `i4`. */
export const I4_RUN = 16;
/** What 0 is stored as in `i4`. */
export const I4_ZERO = 8;

export function planTableLayout(rowCount: number, pageRows: number, type: RowType, width: number): TableLayout {
  return { rowCount, pageRows, pageCount: Math.ceil(rowCount / pageRows), type, width };
}

/** Rows in page `page`: `pageRows`, fewer in the last one. */
export function rowsInPage(table: TableLayout, page: number): number {
  return Math.min(table.pageRows, table.rowCount - page * table.pageRows);
}

/** Byte offsets of a page's two sections and its length. */
export function planPageLayout(
  table: TableLayout,
  page: number,
): { readonly scale: number; readonly values: number; readonly byteLength: number } {
  const rows = rowsInPage(table, page);
  const cursor = sectionCursor();
  const scale = cursor.take(4 * rows);
  const values = cursor.take(rows * rowBytes(table.type, table.width));
  return { scale, values, byteLength: cursor.byteLength() };
}

const padded = (index: number, digits: number) => String(index).padStart(digits, '0');
export const layerFile = (layer: number): string => `layer-${padded(layer, 2)}.bin`;
export const wordPageFile = (page: number): string => `words-${padded(page, 5)}.bin`;
export const positionPageFile = (page: number): string => `positions-${padded(page, 5)}.bin`;
export const EMBEDDINGS_FILE = 'embeddings.bin';
export const HEADS_FILE = 'heads.bin';
export const TOKENIZER_FILE = 'tokenizer.bin';
export const MANIFEST_FILE = 'manifest.json';
