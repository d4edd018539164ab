import type { Architecture, LayerWeightTypes, WeightType } from '../../src/format/architecture.ts';
import { LINEAR_NAMES } from '../../src/format/architecture.ts';
import {
  GROUP_BYTES,
  GROUP_SIZE,
  type LinearLayout,
  PANEL_COLUMNS,
  planEmbeddingsLayout,
  planHeadsLayout,
  planLayerLayout,
  planPageLayout,
  type TableLayout,
} from '../../src/format/layout.ts';
import { expandCode, ZERO_POINT } from '../convert/quantise.ts';

/** Random shards in the kernels' own layout: nothing is quantised, so that 300 MB take a few seconds. */
export interface RandomShards {
  embeddings(): Uint8Array;
  heads(): Uint8Array;
  layer(types: LayerWeightTypes): Uint8Array;
  page(table: TableLayout, page: number): Uint8Array;
}

/** Standard deviation of XLM-R's linear weights and of its word rows. */
const WEIGHT_DEVIATION = 0.03;
const ROW_DEVIATION = 0.1;
/** Of a number that is equally likely anywhere in -64..63, as u - 64 and the row values are here. */
const UNIFORM_DEVIATION = 128 / Math.sqrt(12);
/** A group's sixteen codes at this step span 117 of the 127 values, around the middle. */
const GROUP_STEP = 125;
const GROUP_MINIMUM = ZERO_POINT - Math.round((15 * GROUP_STEP) / 32);

/** @param seed The same one gives the same bytes, as long as they are asked for in the same order. */
export function createRandomShards(architecture: Architecture, seed: number): RandomShards {
  const { hiddenSize, colbertSize } = architecture;
  const fillWords = createWordFiller(seed);
  const floats = (bytes: Uint8Array, offset: number, count: number) => new Float32Array(bytes.buffer, offset, count);
  const norm = (bytes: Uint8Array, { weight }: { readonly weight: number }) =>
    floats(bytes, weight, hiddenSize).fill(1);

  const linear = (bytes: Uint8Array, layout: LinearLayout): void => {
    const { n, k, type } = layout;
    const scale = WEIGHT_DEVIATION / UNIFORM_DEVIATION;
    fillWords(bytes, layout.weights, layout.scale - layout.weights, type === 'u7' ? 0x7f7f7f7f : -1);
    if (type === 'u4g32') setGroups(bytes, layout);
    const sums = columnSums(bytes, layout.weights, n, k, type);
    floats(bytes, layout.scale, n).fill(scale);
    floats(bytes, layout.columnSum, n).set(sums.map((sum) => Math.fround(scale) * sum));
  };

  return {
    embeddings() {
      const layout = planEmbeddingsLayout(architecture);
      const bytes = new Uint8Array(layout.byteLength);
      norm(bytes, layout);
      return bytes;
    },
    heads() {
      const layout = planHeadsLayout(architecture);
      const bytes = new Uint8Array(layout.byteLength);
      fillSigned(fillWords, bytes, layout.colbertWeights, colbertSize * hiddenSize);
      floats(bytes, layout.colbertScale, colbertSize).fill(WEIGHT_DEVIATION / UNIFORM_DEVIATION);
      const sparse = new Int8Array(bytes.buffer, layout.colbertWeights, hiddenSize);
      floats(bytes, layout.sparseWeight, hiddenSize).set(Float32Array.from(sparse, (value) => value / 2048));
      return bytes;
    },
    layer(types) {
      const layout = planLayerLayout(architecture, types);
      const bytes = new Uint8Array(layout.byteLength);
      for (const name of LINEAR_NAMES) linear(bytes, layout[name]);
      norm(bytes, layout.attentionNorm);
      norm(bytes, layout.outputNorm);
      return bytes;
    },
    page(table, page) {
      const layout = planPageLayout(table, page);
      const bytes = new Uint8Array(layout.byteLength);
      const rows = (layout.values - layout.scale) / 4;
      fillSigned(fillWords, bytes, layout.values, layout.byteLength - layout.values);
      const unit = table.type === 'i16' ? 256 * UNIFORM_DEVIATION : UNIFORM_DEVIATION;
      floats(bytes, layout.scale, rows).fill(ROW_DEVIATION / unit);
      return bytes;
    },
  };
}

type FillWords = (bytes: Uint8Array, offset: number, count: number, mask: number) => void;

/** Fills bytes (count and offset multiples of 4) with xorshift32 words under a mask. */
function createWordFiller(seed: number): FillWords {
  let state = (seed ^ 0x9e3779b9) | 1;
  return (bytes, offset, count, mask) => {
    const words = new Int32Array(bytes.buffer, offset, count >> 2);
    let x = state;
    for (let i = 0; i < words.length; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      words[i] = x & mask;
    }
    state = x;
  };
}

/** Every byte in -64..63, as its two highest bits are made equal. */
function fillSigned(fillWords: FillWords, bytes: Uint8Array, offset: number, count: number): void {
  fillWords(bytes, offset, count, 0xbfbfbfbf | 0);
  const words = new Int32Array(bytes.buffer, offset, count >> 2);
  for (let i = 0; i < words.length; i++) words[i] = words[i]! | ((words[i]! & 0x80808080) >>> 1);
}

function setGroups(bytes: Uint8Array, { weights, n, k }: LinearLayout): void {
  const end = weights + (n / PANEL_COLUMNS) * (k / GROUP_SIZE) * GROUP_BYTES;
  for (let group = weights; group < end; group += GROUP_BYTES) {
    bytes.fill(GROUP_STEP, group, group + PANEL_COLUMNS);
    bytes.fill(GROUP_MINIMUM, group + PANEL_COLUMNS, group + 2 * PANEL_COLUMNS);
  }
}

/** Σk (u - 64) of each column, from the packed bytes. */
function columnSums(bytes: Uint8Array, weights: number, n: number, k: number, type: WeightType): Float64Array {
  const sums = new Float64Array(n).fill(-ZERO_POINT * k);
  if (type === 'u7') {
    for (let i = 0; i < n * k; i++) {
      const column = Math.floor(i / (PANEL_COLUMNS * k)) * PANEL_COLUMNS + ((i >> 2) & (PANEL_COLUMNS - 1));
      sums[column] = sums[column]! + bytes[weights + i]!;
    }
    return sums;
  }
  const values = Uint8Array.from({ length: 16 }, (_, code) => expandCode(code, GROUP_STEP, GROUP_MINIMUM));
  const panelBytes = (k / GROUP_SIZE) * GROUP_BYTES;
  for (let panel = 0; panel < n / PANEL_COLUMNS; panel++) {
    const first = panel * PANEL_COLUMNS;
    for (let group = 0; group < panelBytes; group += GROUP_BYTES) {
      const codes = weights + panel * panelBytes + group + 2 * PANEL_COLUMNS;
      for (let i = 0; i < GROUP_BYTES - 2 * PANEL_COLUMNS; i++) {
        // model-shards/README.md: byte 8·(c & 1) + 2j + ((c >> 1) & 1) of a run holds column c's code, column c + 4's above it
        const column = first + ((i >> 3) & 1) + 2 * (i & 1);
        const byte = bytes[codes + i]!;
        sums[column] = sums[column]! + values[byte & 15]!;
        sums[column + 4] = sums[column + 4]! + values[byte >> 4]!;
      }
    }
  }
  return sums;
}
