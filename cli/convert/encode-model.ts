import {
  type Architecture,
  type LayerWeightTypes,
  LINEAR_NAMES,
  type LinearName,
  linearShape,
} from '../../src/format/architecture.ts';
import {
  type LayerLayout,
  type LinearLayout,
  type NormLayout,
  planEmbeddingsLayout,
  planHeadsLayout,
  planLayerLayout,
  rowsInPage,
  type TableLayout,
} from '../../src/format/layout.ts';
import { type Checkpoint, rowLength } from '../checkpoint/checkpoint.ts';
import {
  EMBEDDINGS_NORM,
  layerTensor,
  POSITION_EMBEDDINGS,
  TOKEN_TYPE_EMBEDDINGS,
  WORD_EMBEDDINGS,
} from '../checkpoint/encoder-tensors.ts';
import { UserError } from '../user-error.ts';
import { packColbert, packRowPage, packRows } from './pack.ts';

/** Rows of a weight that are in memory at once: [128, 4096] of float32 is 2 MiB. */
const BLOCK_ROWS = 128;

/** The tensors whose rows, one after another, are a linear layer's rows. */
export const LINEAR_PARTS: Readonly<Record<LinearName, readonly string[]>> = {
  qkv: ['attention.self.query', 'attention.self.key', 'attention.self.value'],
  attentionOutput: ['attention.output.dense'],
  intermediate: ['intermediate.dense'],
  output: ['output.dense'],
};

/** How encoder layers and heads come by their integers. */
export interface Rounding {
  /** `layer-NN.bin`. Called for the layers in their order, once for each. @throws UserError where the checkpoint holds a NaN or an infinity. */
  encodeLayer(layer: number, types: LayerWeightTypes): Uint8Array;
  /** Changes a head's weight [n, hidden] and bias [n] in place. Called after the last layer. */
  fitHead?(weight: Float32Array, bias: Float32Array): void;
}

/** Each weight goes to the nearest value. */
export const nearestRounding = (encoder: Checkpoint, architecture: Architecture): Rounding => ({
  encodeLayer: (layer, types) => encodeLayer(encoder, architecture, layer, types),
});

/** `layer-NN.bin` */
export function encodeLayer(
  encoder: Checkpoint,
  architecture: Architecture,
  layer: number,
  types: LayerWeightTypes,
): Uint8Array {
  const layout = planLayerLayout(architecture, types);
  const bytes = new Uint8Array(layout.byteLength);
  for (const name of LINEAR_NAMES) {
    const [n] = linearShape(architecture, name);
    const parts = LINEAR_PARTS[name];
    const partRows = n / parts.length;
    for (const [i, part] of parts.entries()) {
      encodeLinearRows(encoder, layerTensor(layer, part), bytes, layout[name], i * partRows, partRows);
    }
  }
  encodeLayerNorms(encoder, architecture, layer, bytes, layout);
  return bytes;
}

/** The two LayerNorms of `layer-NN.bin`. */
export function encodeLayerNorms(
  encoder: Checkpoint,
  { hiddenSize }: Architecture,
  layer: number,
  bytes: Uint8Array,
  { attentionNorm, outputNorm }: LayerLayout,
): void {
  encodeNorm(encoder, layerTensor(layer, 'attention.output.LayerNorm'), bytes, attentionNorm, hiddenSize);
  encodeNorm(encoder, layerTensor(layer, 'output.LayerNorm'), bytes, outputNorm, hiddenSize);
}

function encodeLinearRows(
  encoder: Checkpoint,
  name: string,
  bytes: Uint8Array,
  layout: LinearLayout,
  firstRow: number,
  rowCount: number,
): void {
  const { n, k, type } = layout;
  const into = {
    weights: bytes.subarray(layout.weights, layout.scale),
    scale: new Float32Array(bytes.buffer, layout.scale, n),
    columnSum: new Float32Array(bytes.buffer, layout.columnSum, n),
  };
  const block = new Float32Array(BLOCK_ROWS * k);
  for (let row = 0; row < rowCount; row += BLOCK_ROWS) {
    const count = Math.min(BLOCK_ROWS, rowCount - row);
    readFiniteRows(encoder, `${name}.weight`, row, count, block);
    packRows(type, block, firstRow + row, count, k, into);
  }
  readFiniteRows(
    encoder,
    `${name}.bias`,
    0,
    rowCount,
    new Float32Array(bytes.buffer, layout.bias + 4 * firstRow, rowCount),
  );
}

function encodeNorm(
  encoder: Checkpoint,
  name: string,
  bytes: Uint8Array,
  layout: NormLayout,
  hiddenSize: number,
): void {
  readFiniteRows(encoder, `${name}.weight`, 0, hiddenSize, new Float32Array(bytes.buffer, layout.weight, hiddenSize));
  readFiniteRows(encoder, `${name}.bias`, 0, hiddenSize, new Float32Array(bytes.buffer, layout.bias, hiddenSize));
}

/** `embeddings.bin` */
export function encodeEmbeddings(encoder: Checkpoint, architecture: Architecture): Uint8Array {
  const layout = planEmbeddingsLayout(architecture);
  const bytes = new Uint8Array(layout.byteLength);
  encodeNorm(encoder, EMBEDDINGS_NORM, bytes, layout, architecture.hiddenSize);
  return bytes;
}

/** `words-*.bin`, one after another. */
export const encodeWordPages = (encoder: Checkpoint, table: TableLayout): Generator<Uint8Array> =>
  encodePages(encoder, WORD_EMBEDDINGS, table);

/** `positions-*.bin`, one after another, row 0 of the token type table added. */
export function encodePositionPages(encoder: Checkpoint, table: TableLayout): Generator<Uint8Array> {
  const tokenType = new Float32Array(table.width);
  readFiniteRows(encoder, TOKEN_TYPE_EMBEDDINGS, 0, 1, tokenType);
  return encodePages(encoder, POSITION_EMBEDDINGS, table, tokenType);
}

function* encodePages(
  encoder: Checkpoint,
  name: string,
  table: TableLayout,
  added?: Float32Array,
): Generator<Uint8Array> {
  const rows = new Float32Array(table.pageRows * table.width);
  for (let page = 0; page < table.pageCount; page++) {
    const rowCount = rowsInPage(table, page);
    readFiniteRows(encoder, name, page * table.pageRows, rowCount, rows);
    if (added) for (let i = 0; i < rowCount * table.width; i++) rows[i] = rows[i]! + added[i % table.width]!;
    yield packRowPage(rows, rowCount, table.width, table.type);
  }
}

/** `heads.bin`. @param sparse, colbert Each with a `weight` and a `bias`. */
export function encodeHeads(
  sparse: Checkpoint,
  colbert: Checkpoint,
  architecture: Architecture,
  fitHead: NonNullable<Rounding['fitHead']> = () => {},
): Uint8Array {
  const { hiddenSize, colbertSize } = architecture;
  const layout = planHeadsLayout(architecture);
  const bytes = new Uint8Array(layout.byteLength);
  const floats = (offset: number, count: number) => new Float32Array(bytes.buffer, offset, count);
  const read = (head: Checkpoint, rowCount: number, weight: Float32Array, bias: Float32Array) => {
    readFiniteRows(head, 'weight', 0, rowCount, weight);
    readFiniteRows(head, 'bias', 0, rowCount, bias);
    fitHead(weight, bias);
  };
  read(sparse, 1, floats(layout.sparseWeight, hiddenSize), floats(layout.sparseBias, 1));
  const rows = new Float32Array(colbertSize * hiddenSize);
  read(colbert, colbertSize, rows, floats(layout.colbertBias, colbertSize));
  const { weights, scale } = packColbert(rows, colbertSize, hiddenSize);
  new Int8Array(bytes.buffer, layout.colbertWeights, weights.length).set(weights);
  floats(layout.colbertScale, colbertSize).set(scale);
  return bytes;
}

/** @throws UserError naming the tensor and row if a value is NaN or infinite. */
export function readFiniteRows(
  checkpoint: Checkpoint,
  name: string,
  startRow: number,
  rowCount: number,
  into: Float32Array,
): void {
  checkpoint.readRows(name, startRow, rowCount, into);
  const width = rowLength(checkpoint.tensors.get(name)!.shape);
  let zero = 0;
  for (let i = 0; i < rowCount * width; i++) zero += into[i]! * 0; // NaN as soon as one value is NaN or infinite
  if (zero === 0) return;
  const bad = into.findIndex((value) => !Number.isFinite(value));
  throw new UserError(
    `${checkpoint.name}: ${name} holds ${into[bad]} in row ${startRow + Math.floor(bad / width)}; the checkpoint is damaged`,
  );
}
