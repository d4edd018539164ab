import type { Architecture, LinearName } from '../../src/format/architecture.ts';
import { linearShape } from '../../src/format/architecture.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import {
  EMBEDDINGS_NORM,
  layerTensor,
  POSITION_EMBEDDINGS,
  TOKEN_TYPE_EMBEDDINGS,
  WORD_EMBEDDINGS,
} from '../checkpoint/encoder-tensors.ts';
import { LINEAR_PARTS, readFiniteRows } from '../convert/encode-model.ts';
import type { Rows } from './attention.ts';
import type { LayerNorms, Norm } from './encoder-layer.ts';
import type { FloatKernel, Matrix } from './kernel.ts';
import { part } from './multiply.ts';

/** Weight [n, k] and bias [1, n] of a linear layer, its parts one under the other. @throws UserError as `readFiniteRows`. */
export function readLinear(
  kernel: FloatKernel,
  encoder: Checkpoint,
  architecture: Architecture,
  layer: number,
  name: LinearName,
): { weight: Matrix; bias: Matrix } {
  const [n, k] = linearShape(architecture, name);
  const weight = kernel.matrix(n, k);
  const bias = kernel.matrix(1, n);
  const rows = n / LINEAR_PARTS[name].length;
  for (const [i, name_] of LINEAR_PARTS[name].entries()) {
    const tensor = layerTensor(layer, name_);
    readFiniteRows(encoder, `${tensor}.weight`, 0, rows, kernel.values(part(weight, i * rows, rows)));
    readFiniteRows(encoder, `${tensor}.bias`, 0, rows, kernel.values(part(bias, 0, 1, i * rows, rows)));
  }
  return { weight, bias };
}

export function readLayerNorms(
  kernel: FloatKernel,
  encoder: Checkpoint,
  { hiddenSize }: Architecture,
  layer: number,
): LayerNorms {
  return {
    attentionNorm: readNorm(kernel, encoder, layerTensor(layer, 'attention.output.LayerNorm'), hiddenSize),
    outputNorm: readNorm(kernel, encoder, layerTensor(layer, 'output.LayerNorm'), hiddenSize),
  };
}

function readNorm(kernel: FloatKernel, encoder: Checkpoint, name: string, width: number): Norm {
  const weight = kernel.matrix(1, width);
  const bias = kernel.matrix(1, width);
  readFiniteRows(encoder, `${name}.weight`, 0, width, kernel.values(weight));
  readFiniteRows(encoder, `${name}.bias`, 0, width, kernel.values(bias));
  return { weight, bias };
}

/** Changes a row of the word table before the others are added. */
export type ChangeWord = (row: Float32Array) => void;

/**
 * Word, position and token type rows added and normalised, into `hidden` from row `texts[i].start` on.
 *
 * @param texts Where the ids of each text go.
 */
export function embed(
  kernel: FloatKernel,
  encoder: Checkpoint,
  { hiddenSize, positionOffset, layerNormEpsilon }: Architecture,
  ids: readonly Uint32Array[],
  texts: readonly Rows[],
  hidden: Matrix,
  changeWord: ChangeWord = () => {},
): void {
  const row = new Float32Array(hiddenSize);
  const tokenType = new Float32Array(hiddenSize);
  readFiniteRows(encoder, TOKEN_TYPE_EMBEDDINGS, 0, 1, tokenType);
  const addTo = (into: Float32Array, from: Float32Array) => {
    for (let i = 0; i < hiddenSize; i++) into[i] = into[i]! + from[i]!;
  };
  for (const [text, { start, count }] of texts.entries()) {
    for (let token = 0; token < count; token++) {
      const into = kernel.values(part(hidden, start + token, 1));
      readFiniteRows(encoder, WORD_EMBEDDINGS, ids[text]![token]!, 1, into);
      changeWord(into);
      addTo(into, tokenType);
      readFiniteRows(encoder, POSITION_EMBEDDINGS, token + positionOffset, 1, row);
      addTo(into, row);
    }
  }
  kernel.scope(() => {
    const { weight, bias } = readNorm(kernel, encoder, EMBEDDINGS_NORM, hiddenSize);
    kernel.addLayerNorm(hidden.address, 0, hidden.rows, hiddenSize, weight.address, bias.address, layerNormEpsilon);
  });
}
