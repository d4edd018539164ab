import { type Architecture, LINEAR_NAMES, type LinearName } from '../../src/format/architecture.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { rowsOf } from '../float/attention.ts';
import { type Linear, runEncoderLayer } from '../float/encoder-layer.ts';
import { createFloatKernel, type FloatKernel, type Matrix } from '../float/kernel.ts';
import { addProduct, fillRows } from '../float/multiply.ts';
import { embed, readLayerNorms, readLinear } from '../float/tensors.ts';
import { addDots, factorizeDamped, ROUNDING_DAMPING } from './fit.ts';
import { roundLinear } from './round.ts';
import { collectStatistics } from './statistics.ts';

/** Of each linear layer in 4 bits alone: Σ of the squared changes of its encoder layer's output, in that output's own variance. */
export type Sensitivities = readonly Readonly<Record<LinearName, number>>[];

/**
 * What each linear layer would do to the output of its encoder layer if it alone had 4 bits, all before it being as in the checkpoint.
 *
 * @param ids Calibration texts, at least one, `<s>` and `</s>` included.
 * @param kernel Its memory is as it was afterwards.
 */
export function measureSensitivities(
  encoder: Checkpoint,
  architecture: Architecture,
  ids: readonly Uint32Array[],
  onLayer: (done: number) => void = () => {},
  kernel: FloatKernel = createFloatKernel(),
): Sensitivities {
  return kernel.scope(() => measureLayers(kernel, encoder, architecture, ids, onLayer));
}

function measureLayers(
  kernel: FloatKernel,
  encoder: Checkpoint,
  architecture: Architecture,
  ids: readonly Uint32Array[],
  onLayer: (done: number) => void,
): Sensitivities {
  const texts = rowsOf(ids);
  const { hiddenSize, layerCount } = architecture;
  const hidden = kernel.matrix(
    ids.reduce((sum, { length }) => sum + length, 0),
    hiddenSize,
  );
  embed(kernel, encoder, architecture, ids, texts, hidden);

  return Array.from({ length: layerCount }, (_, layer) => {
    const sensitivities = kernel.scope(() => {
      const norms = readLayerNorms(kernel, encoder, architecture, layer);
      const linears = Object.fromEntries(
        LINEAR_NAMES.map((name) => [name, readLinear(kernel, encoder, architecture, layer, name)]),
      ) as Record<LinearName, LinearWeights>;
      const before = copyOf(kernel, hidden);
      const run = (into: Matrix, linear: Linear) => runEncoderLayer(kernel, architecture, norms, texts, into, linear);
      const rounded = {} as Record<LinearName, LinearWeights>;
      for (const name of LINEAR_NAMES) {
        const [n, k] = [linears[name].weight.rows, linears[name].weight.columns];
        rounded[name] = { weight: kernel.matrix(n, k), bias: kernel.matrix(1, n) };
      }
      run(hidden, (name, input, output) => {
        applyLinear(kernel, linears[name], input, output);
        roundInto(kernel, linears[name], input, rounded[name]);
      });
      const variance = sumOfSquares(centred(kernel, hidden));
      return Object.fromEntries(
        LINEAR_NAMES.map((changed) =>
          kernel.scope(() => {
            const changedHidden = copyOf(kernel, before);
            run(changedHidden, (name, input, output) =>
              applyLinear(kernel, name === changed ? rounded[name] : linears[name], input, output),
            );
            kernel.subtract(changedHidden.address, hidden.address, hidden.rows * hiddenSize);
            return [changed, sumOfSquares(kernel.values(changedHidden)) / variance] as const;
          }),
        ),
      ) as Record<LinearName, number>;
    });
    onLayer(layer + 1);
    return sensitivities;
  });
}

interface LinearWeights {
  readonly weight: Matrix;
  readonly bias: Matrix;
}

function applyLinear(kernel: FloatKernel, { weight, bias }: LinearWeights, input: Matrix, output: Matrix): void {
  fillRows(kernel, output, kernel.values(bias));
  addProduct(kernel, input, weight, output);
}

/** The linear layer as calibration would leave it in 4 bits. */
function roundInto(kernel: FloatKernel, linear: LinearWeights, input: Matrix, into: LinearWeights): void {
  const values = kernel.values(into.weight);
  values.set(kernel.values(linear.weight));
  kernel.scope(() => {
    const { means, moments } = collectStatistics(kernel, { reference: input, quantised: input }, true);
    const sums = new Float64Array(kernel.values(linear.bias));
    addDots(kernel, linear.weight, means.reference, 1, sums);
    roundLinear(kernel, 'u4g32', into.weight, factorizeDamped(kernel, moments, ROUNDING_DAMPING));
    addDots(kernel, into.weight, means.reference, -1, sums);
    kernel.values(into.bias).set(sums);
  });
}

function copyOf(kernel: FloatKernel, matrix: Matrix): Matrix {
  const copy = kernel.matrix(matrix.rows, matrix.columns);
  kernel.values(copy).set(kernel.values(matrix));
  return copy;
}

/** The rows less their mean. */
function centred(kernel: FloatKernel, matrix: Matrix): Float32Array {
  const { rows, columns } = matrix;
  const values = kernel.values(matrix).slice();
  const means = new Float64Array(columns);
  for (let i = 0; i < values.length; i++) means[i % columns] = means[i % columns]! + values[i]! / rows;
  return values.map((value, i) => value - means[i % columns]!);
}

function sumOfSquares(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return sum;
}
