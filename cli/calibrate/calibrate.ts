import type { Architecture, LayerWeightTypes } from '../../src/format/architecture.ts';
import { type LinearLayout, planLayerLayout } from '../../src/format/layout.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { encodeLayerNorms } from '../convert/encode-model.ts';
import { packChannels } from '../convert/pack.ts';
import { quantiseSymmetric } from '../convert/quantise.ts';
import { rowsOf } from '../float/attention.ts';
import { BLOCK, type Factor, factorize, solve } from '../float/cholesky.ts';
import { runEncoderLayer } from '../float/encoder-layer.ts';
import { createFloatKernel, type FloatKernel, type Matrix } from '../float/kernel.ts';
import { addGram, addProduct, addProductColumns, fillRows, part } from '../float/multiply.ts';
import { embed, readLayerNorms, readLinear } from '../float/tensors.ts';
import { roundLinear } from './round.ts';

/** Quantises encoder layers by what they do to calibration texts. */
export interface Calibrator {
  /**
   * `layer-NN.bin`. Layers must come in their order, each once: the next one's inputs are this one's outputs.
   *
   * @throws UserError where the checkpoint holds a NaN or an infinity; RangeError out of order.
   */
  encodeLayer(layer: number, types: LayerWeightTypes): Uint8Array;
}

/** Shares of the mean of the inputs' variances that are added to each: what no calibration text has shown may still come. */
const ROUNDING_DAMPING = 0.02;
/** Least squares have more to lose: they change weights by more than rounding does, and the more so the fewer tokens an input has. */
const fitDamping = (inputs: number, tokens: number) => 0.1 + inputs / tokens;
/** Rows of activations at hand. */
const ROWS = 512;

/**
 * Two streams of hidden states pass through the layers, one above the other in one matrix: those of the checkpoint, and those that the layers
 * quantised so far give. A linear layer W with inputs x of the one and y of the other, y rounded as the engine rounds, is replaced by
 *
 *   the least-squares W' = argmin Σ |W (x - x̄) - W' (y - ȳ)|², which takes back what earlier layers have done as far as one layer can,
 *   rounded to Q by the second moments of y (`round.ts`), with bias' = bias + W x̄ - Q ȳ: no error on the mean is left.
 *
 * @param ids Calibration texts, at least one, `<s>` and `</s>` included.
 */
export function createCalibrator(
  encoder: Checkpoint,
  architecture: Architecture,
  ids: readonly Uint32Array[],
): Calibrator {
  const kernel = createFloatKernel();
  const tokens = ids.reduce((sum, { length }) => sum + length, 0);
  /** Rows of a stream. */
  const rows = Math.ceil(tokens / 4) * 4;
  const texts = rowsOf(ids);
  const hidden = kernel.matrix(2 * rows, architecture.hiddenSize);
  embed(kernel, encoder, architecture, ids, texts, part(hidden, 0, rows));
  embed(kernel, encoder, architecture, ids, texts, part(hidden, rows, rows), roundWord);
  const bothTexts = [...texts, ...rowsOf(ids, rows)];
  const streams = (both: Matrix): Streams => ({
    reference: part(both, 0, tokens),
    quantised: part(both, rows, tokens),
  });

  let nextLayer = 0;

  return {
    encodeLayer(layer, types) {
      if (layer !== nextLayer++) throw new RangeError(`layer ${layer} out of order`);
      const layout = planLayerLayout(architecture, types);
      const bytes = new Uint8Array(layout.byteLength);
      encodeLayerNorms(encoder, architecture, layer, bytes, layout);
      kernel.scope(() => {
        const norms = readLayerNorms(kernel, encoder, architecture, layer);
        runEncoderLayer(kernel, architecture, norms, bothTexts, hidden, (name, input, output) => {
          const { weight, bias } = readLinear(kernel, encoder, architecture, layer, name);
          calibrateLinear(kernel, weight, bias, streams(input), streams(output), layout[name], bytes);
        });
      });
      return bytes;
    },
  };
}

interface Streams {
  readonly reference: Matrix;
  readonly quantised: Matrix;
}

/** As `words-*.bin` holds it; what rounding does to position rows is too small to matter. */
function roundWord(row: Float32Array): void {
  const q = new Int8Array(row.length);
  const scale = quantiseSymmetric(row, 0, row.length, -127, 127, q, 0);
  for (let i = 0; i < row.length; i++) row[i] = scale * q[i]!;
}

/** Rounds a linear layer into its sections of `bytes` and fills the outputs of both streams. */
function calibrateLinear(
  kernel: FloatKernel,
  weight: Matrix,
  bias: Matrix,
  input: Streams,
  output: Streams,
  { type, weights, scale, columnSum, bias: biasOffset, n, k }: LinearLayout,
  bytes: Uint8Array,
): void {
  const original = kernel.values(bias);
  fillRows(kernel, output.reference, original);
  addProduct(kernel, input.reference, weight, output.reference);

  const sections = {
    weights: bytes.subarray(weights, scale),
    scale: new Float32Array(bytes.buffer, scale, n),
    columnSum: new Float32Array(bytes.buffer, columnSum, n),
  };
  const corrected = new Float32Array(bytes.buffer, biasOffset, n);
  kernel.scope(() => {
    const means = findMeans(kernel, input);
    const biasSums = new Float64Array(original);
    addDots(kernel, weight, means.reference, 1, biasSums);
    kernel.scope(() => {
      const moments = kernel.matrix(k, k);
      const coupling = kernel.matrix(k, k);
      const shift = kernel.matrix(1, k);
      kernel.values(shift).set(means.reference.map((mean, i) => mean - means.quantised[i]!));
      const mean = kernel.matrix(1, k);
      kernel.values(mean).set(means.quantised);
      forRowBlocks(kernel, input, (difference, quantised) => {
        kernel.subtract(difference.address, quantised.address, difference.rows * k);
        addGram(kernel, quantised, quantised, mean, mean, moments, true);
        addGram(kernel, difference, quantised, shift, mean, coupling, false);
      });
      kernel.scope(() => {
        const change = kernel.matrix(n, k);
        addProductColumns(kernel, weight, coupling, change);
        solve(kernel, factorizeCopy(kernel, moments, fitDamping(k, input.reference.rows)), change);
        addTo(kernel.values(weight), kernel.values(change));
      });
      const rounded = roundLinear(kernel, type, weight, factorizeCopy(kernel, moments, ROUNDING_DAMPING));
      sections.scale.set(rounded.scale);
      packChannels(type, rounded.channels, sections);
    });
    addDots(kernel, weight, means.quantised, -1, biasSums);
    corrected.set(biasSums);
  });

  fillRows(kernel, output.quantised, corrected);
  forRowBlocks(kernel, input, (_, quantised, start) =>
    addProduct(kernel, quantised, weight, part(output.quantised, start, quantised.rows)),
  );
}

/** Blocks of both streams' inputs, in copies; those of the quantised one rounded as the engine rounds activations. */
function forRowBlocks(
  kernel: FloatKernel,
  { reference, quantised }: Streams,
  work: (reference: Matrix, quantised: Matrix, start: number) => void,
): void {
  for (let start = 0; start < reference.rows; start += ROWS) {
    const count = Math.min(ROWS, reference.rows - start);
    kernel.scope(() => {
      const copy = kernel.matrix(count, reference.columns);
      kernel.values(copy).set(kernel.values(part(reference, start, count)));
      const rounded = kernel.matrix(count, reference.columns);
      kernel.roundRows(part(quantised, start, count).address, count, reference.columns, rounded.address);
      work(copy, rounded, start);
    });
  }
}

function findMeans(kernel: FloatKernel, input: Streams) {
  const { rows, columns } = input.reference;
  const reference = new Float64Array(columns);
  const quantised = new Float64Array(columns);
  const addMean = (sums: Float64Array, block: Matrix) =>
    kernel.scope(() => {
      const mean = kernel.matrix(1, columns);
      kernel.meanRows(block.address, block.rows, columns, mean.address);
      const values = kernel.values(mean);
      for (let i = 0; i < columns; i++) sums[i] = sums[i]! + values[i]! * (block.rows / rows);
    });
  forRowBlocks(kernel, input, (referenceBlock, quantisedBlock) => {
    addMean(reference, referenceBlock);
    addMean(quantised, quantisedBlock);
  });
  return { reference, quantised };
}

/** sums[n] += factor · weight[n] · x */
function addDots(kernel: FloatKernel, weight: Matrix, x: Float64Array, factor: number, sums: Float64Array): void {
  const values = kernel.values(weight);
  const k = weight.columns;
  for (let row = 0; row < weight.rows; row++) {
    let sum = 0;
    for (let i = 0; i < k; i++) sum += values[row * k + i]! * x[i]!;
    sums[row] = sums[row]! + factor * sum;
  }
}

/** Factors the moments with `share` of the mean of their diagonal added to it, or 1 where all is zero. */
function factorizeCopy(kernel: FloatKernel, moments: Matrix, share: number): Factor {
  const k = moments.rows;
  const copy = kernel.matrix(k, k);
  const values = kernel.values(copy);
  values.set(kernel.values(moments));
  let trace = 0;
  for (let i = 0; i < k; i++) trace += values[i * k + i]!;
  const added = trace > 0 ? (share * trace) / k : 1;
  for (let i = 0; i < k; i++) values[i * k + i] = values[i * k + i]! + added;
  return factorize(kernel, copy, added, kernel.matrix(k, BLOCK));
}

function addTo(values: Float32Array, added: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i] = values[i]! + added[i]!;
}
