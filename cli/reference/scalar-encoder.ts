import { lexicalWeights } from '../../src/heads/lexical-weights.ts';
import { attention, gelu, layerNorm, linear, unitRows } from '../../src/kernel/scalar.ts';
import { type Checkpoint, rowLength } from '../checkpoint/checkpoint.ts';
import { openCheckpointDirectory } from '../checkpoint/directory.ts';
import { type EncoderConfig, parseEncoderConfig } from '../checkpoint/encoder-config.ts';
import {
  EMBEDDINGS_NORM,
  encoderTensors,
  layerTensor,
  POSITION_EMBEDDINGS,
  TOKEN_TYPE_EMBEDDINGS,
  WORD_EMBEDDINGS,
} from '../checkpoint/encoder-tensors.ts';

/** A checkpoint's own outputs for one text. */
export interface ReferenceOutputs {
  /** `[tokens, hidden]` */
  readonly hiddenState: Float32Array;
  readonly dense: Float32Array;
  readonly lexicalWeights: ReadonlyMap<number, number>;
  /** `[tokens - 1, colbertSize]` */
  readonly colbert: Float32Array;
}

export interface ReferenceModel {
  readonly config: EncoderConfig;
  readonly encoder: Checkpoint;
  readonly sparse: Checkpoint;
  readonly colbert: Checkpoint;
}

/** Opens a Hugging Face directory with its two heads. @throws UserError for whatever is wrong with it. */
export async function openReference(directory: string): Promise<ReferenceModel> {
  const checkpoint = openCheckpointDirectory(directory);
  const config = parseEncoderConfig(checkpoint.readJson('config.json'));
  const encoder = encoderTensors(await checkpoint.openEncoder(), config);
  return {
    config,
    encoder,
    sparse: await checkpoint.openHead('sparse_linear.pt'),
    colbert: await checkpoint.openHead('colbert_linear.pt'),
  };
}

/**
 * The float32 path: a checkpoint's weights as they are, through the kernels' scalar twins. It shares no arithmetic with the kernels, and is
 * what a quantised model's error is measured against.
 *
 * @param ids `<s>` and `</s>` included.
 */
export function encodeReference(
  { config, encoder, sparse, colbert }: ReferenceModel,
  ids: Uint32Array,
): ReferenceOutputs {
  const { hiddenSize, headCount, layerNormEpsilon, layerCount, positionOffset } = config;
  const project = (x: Float32Array, name: string) =>
    linear(x, tensor(encoder, `${name}.weight`), tensor(encoder, `${name}.bias`), x.length / ids.length);
  const norm = (x: Float32Array, name: string) =>
    layerNorm(x, tensor(encoder, `${name}.weight`), tensor(encoder, `${name}.bias`), layerNormEpsilon);

  const embedded = new Float32Array(ids.length * hiddenSize);
  const tokenType = row(encoder, TOKEN_TYPE_EMBEDDINGS, 0);
  ids.forEach((id, token) => {
    const word = row(encoder, WORD_EMBEDDINGS, id);
    const position = row(encoder, POSITION_EMBEDDINGS, token + positionOffset);
    embedded.set(add(add(word, tokenType), position), token * hiddenSize);
  });

  let hiddenState = norm(embedded, EMBEDDINGS_NORM);
  for (let layer = 0; layer < layerCount; layer++) {
    const name = (part: string) => layerTensor(layer, part);
    const [q, k, v] = ['query', 'key', 'value'].map((part) => project(hiddenState, name(`attention.self.${part}`))) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const attended = project(attention(q, k, v, hiddenSize, headCount), name('attention.output.dense'));
    const middle = norm(add(attended, hiddenState), name('attention.output.LayerNorm'));
    const wide = project(middle, name('intermediate.dense')).map(gelu);
    hiddenState = norm(add(project(wide, name('output.dense')), middle), name('output.LayerNorm'));
  }

  const weights = linear(hiddenState, tensor(sparse, 'weight'), tensor(sparse, 'bias'), hiddenSize);
  const rows = linear(hiddenState.subarray(hiddenSize), tensor(colbert, 'weight'), tensor(colbert, 'bias'), hiddenSize);
  return {
    hiddenState,
    dense: unitRows(hiddenState.slice(0, hiddenSize), hiddenSize),
    lexicalWeights: lexicalWeights(ids, weights, new Set([0, 1, 2, 3])),
    colbert: unitRows(rows, rows.length / (ids.length - 1)),
  };
}

const add = (a: Float32Array, b: Float32Array) => a.map((value, i) => value + b[i]!);

function row(checkpoint: Checkpoint, name: string, index: number): Float32Array {
  const values = new Float32Array(rowLength(checkpoint.tensors.get(name)!.shape));
  checkpoint.readRows(name, index, 1, values);
  return values;
}

function tensor(checkpoint: Checkpoint, name: string): Float32Array {
  const { shape } = checkpoint.tensors.get(name)!;
  const values = new Float32Array(shape[0]! * rowLength(shape));
  checkpoint.readRows(name, 0, shape[0]!, values);
  return values;
}
