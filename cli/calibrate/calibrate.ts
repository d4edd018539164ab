import type { Architecture } from '../../src/format/architecture.ts';
import { type LinearLayout, planLayerLayout } from '../../src/format/layout.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { encodeLayerNorms, type Rounding } from '../convert/encode-model.ts';
import { packChannels } from '../convert/pack.ts';
import { quantiseSymmetric } from '../convert/quantise.ts';
import { rowsOf } from '../float/attention.ts';
import { runEncoderLayer } from '../float/encoder-layer.ts';
import { createFloatKernel, type FloatKernel, type Matrix } from '../float/kernel.ts';
import { addProduct, fillRows, part } from '../float/multiply.ts';
import { embed, readLayerNorms, readLinear } from '../float/tensors.ts';
import { addDots, factorizeDamped, fitWeight, ROUNDING_DAMPING } from './fit.ts';
import { roundLinear } from './round.ts';
import { collectStatistics, forRowBlocks, type Streams } from './statistics.ts';

/**
 * Rounds a model by what that does to calibration texts. Two streams of hidden states pass through the layers, one above the other in one matrix:
 * those of the checkpoint, and those that the layers quantised so far give. A linear layer W with inputs x of the one and y of the other, y
 * rounded as the engine rounds, is replaced by
 *
 *   the least-squares W' for y in place of x (`fit.ts`),
 *   rounded to Q by the second moments of y (`round.ts`),
 *   with bias' = bias + W x̄ - Q ȳ: no error on the mean is left.
 *
 * @param ids Calibration texts, at least one, `<s>` and `</s>` included.
 */
export function createCalibrator(
  encoder: Checkpoint,
  architecture: Architecture,
  ids: readonly Uint32Array[],
  kernel: FloatKernel = createFloatKernel(),
): Required<Rounding> {
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
        runEncoderLayer(kernel, architecture, norms, bothTexts, hidden, (name, input, output) =>
          kernel.scope(() => {
            const linear = readLinear(kernel, encoder, architecture, layer, name);
            calibrateLinear(kernel, linear, streams(input), streams(output), layout[name], bytes);
          }),
        );
      });
      return bytes;
    },

    fitHead(weight, bias) {
      if (nextLayer !== architecture.layerCount) throw new RangeError('heads come after the last layer');
      kernel.scope(() => {
        const matrix = kernel.matrix(bias.length, architecture.hiddenSize);
        kernel.values(matrix).set(weight);
        const statistics = collectStatistics(kernel, streams(hidden), false);
        const sums = new Float64Array(bias);
        addDots(kernel, matrix, statistics.means.reference, 1, sums);
        fitWeight(kernel, matrix, statistics);
        addDots(kernel, matrix, statistics.means.quantised, -1, sums);
        weight.set(kernel.values(matrix));
        bias.set(sums);
      });
    },
  };
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
  { weight, bias }: { readonly weight: Matrix; readonly bias: Matrix },
  input: Streams,
  output: Streams,
  layout: LinearLayout,
  bytes: Uint8Array,
): void {
  const original = kernel.values(bias);
  fillRows(kernel, output.reference, original);
  addProduct(kernel, input.reference, weight, output.reference);

  const floats = (offset: number) => new Float32Array(bytes.buffer, offset, layout.n);
  const into = {
    weights: bytes.subarray(layout.weights, layout.scale),
    scale: floats(layout.scale),
    columnSum: floats(layout.columnSum),
  };
  const corrected = floats(layout.bias);
  kernel.scope(() => {
    const statistics = collectStatistics(kernel, input, true);
    const sums = new Float64Array(original);
    addDots(kernel, weight, statistics.means.reference, 1, sums);
    fitWeight(kernel, weight, statistics);
    const factor = factorizeDamped(kernel, statistics.moments, ROUNDING_DAMPING);
    const rounded = roundLinear(kernel, layout.type, weight, factor);
    into.scale.set(rounded.scale);
    packChannels(layout.type, rounded.channels, into);
    addDots(kernel, weight, statistics.means.quantised, -1, sums);
    corrected.set(sums);
  });

  fillRows(kernel, output.quantised, corrected);
  forRowBlocks(kernel, input, true, (_, quantised, start) =>
    addProduct(kernel, quantised, weight, part(output.quantised, start, quantised.rows)),
  );
}
