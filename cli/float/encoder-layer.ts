import type { Architecture, LinearName } from '../../src/format/architecture.ts';
import { attend, type Rows } from './attention.ts';
import type { FloatKernel, Matrix } from './kernel.ts';
import { part } from './multiply.ts';

/** Adds input · weightᵀ + bias of a linear layer to `output`, which holds zeros. */
export type Linear = (name: LinearName, input: Matrix, output: Matrix) => void;

/** Each [1, hidden]. */
export interface Norm {
  readonly weight: Matrix;
  readonly bias: Matrix;
}

export interface LayerNorms {
  readonly attentionNorm: Norm;
  readonly outputNorm: Norm;
}

/**
 * One encoder layer in float32, whatever its linear layers do.
 *
 * @param hidden [rows, hidden]: replaced by the layer's output. Rows outside `texts` stay finite.
 */
export function runEncoderLayer(
  kernel: FloatKernel,
  { hiddenSize, intermediateSize, headCount, layerNormEpsilon }: Architecture,
  { attentionNorm, outputNorm }: LayerNorms,
  texts: readonly Rows[],
  hidden: Matrix,
  linear: Linear,
): void {
  const { rows } = hidden;
  const addNorm = (delta: Matrix, { weight, bias }: Norm) =>
    kernel.addLayerNorm(
      hidden.address,
      delta.address,
      rows,
      hiddenSize,
      weight.address,
      bias.address,
      layerNormEpsilon,
    );
  kernel.scope(() => {
    const context = kernel.matrix(rows, hiddenSize);
    kernel.scope(() => {
      const qkv = part(kernel.matrix(rows + 3, 3 * hiddenSize), 0, rows);
      linear('qkv', hidden, qkv);
      attend(kernel, qkv, texts, headCount, context);
    });
    const attended = kernel.matrix(rows, hiddenSize);
    linear('attentionOutput', context, attended);
    addNorm(attended, attentionNorm);
  });
  kernel.scope(() => {
    const wide = kernel.matrix(rows, intermediateSize);
    linear('intermediate', hidden, wide);
    kernel.gelu(wide.address, rows * intermediateSize);
    const narrow = kernel.matrix(rows, hiddenSize);
    linear('output', wide, narrow);
    addNorm(narrow, outputNorm);
  });
}
