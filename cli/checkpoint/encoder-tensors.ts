import { UserError } from '../user-error.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { EncoderConfig } from './encoder-config.ts';

/** Names, without prefix, of one encoder layer's tensors. */
export const layerTensor = (layer: number, part: string): string => `encoder.layer.${layer}.${part}`;
export const WORD_EMBEDDINGS = 'embeddings.word_embeddings.weight';
export const POSITION_EMBEDDINGS = 'embeddings.position_embeddings.weight';
export const TOKEN_TYPE_EMBEDDINGS = 'embeddings.token_type_embeddings.weight';
export const EMBEDDINGS_NORM = 'embeddings.LayerNorm';

/** In an encoder's checkpoint, and not part of what M3 computes. */
const LEFT_OUT = /^(?:pooler\.|embeddings\.(?:position_ids|token_type_ids)$)/;

/**
 * The checkpoint's tensors under their names without prefix, once exactly those an encoder needs are there, in the shapes that
 * `config.json` promises.
 *
 * @throws UserError naming what is missing, of another shape, or unknown.
 */
export function encoderTensors(checkpoint: Checkpoint, config: EncoderConfig): Checkpoint {
  const stored = new Map<string, string>();
  for (const name of checkpoint.tensors.keys()) {
    const plain = name.startsWith(config.prefix) ? name.slice(config.prefix.length) : name;
    if (LEFT_OUT.test(plain)) continue;
    if (stored.has(plain))
      throw new UserError(
        `${checkpoint.name}: ${JSON.stringify(plain)} is there with and without the prefix ${config.prefix}`,
      );
    stored.set(plain, name);
  }
  const wanted = wantedShapes(config);
  const missing = [...wanted.keys()].filter((name) => !stored.has(name));
  if (missing.length > 0)
    throw new UserError(
      `${checkpoint.name}: no tensor ${list(missing)}; config.json promises ${config.layerCount} layers`,
    );
  const unknown = [...stored.keys()].filter((name) => !wanted.has(name));
  if (unknown.length > 0)
    throw new UserError(
      `${checkpoint.name}: unknown tensor ${list(unknown)}; not the encoder that config.json describes`,
    );
  for (const [name, shape] of wanted) checkTensor(checkpoint, stored.get(name)!, shape);
  return renamed(checkpoint, stored);
}

/** @throws UserError unless the tensor is there, of floats, in this shape. */
export function checkTensor(checkpoint: Checkpoint, name: string, shape: readonly number[]): void {
  const tensor = checkpoint.tensors.get(name);
  if (tensor === undefined) throw new UserError(`${checkpoint.name}: no tensor ${name}`);
  if (tensor.type === 'other')
    throw new UserError(`${checkpoint.name}: ${name} is not float32, float16 or bfloat16; save it as one of them`);
  if (tensor.shape.length !== shape.length || tensor.shape.some((dimension, i) => dimension !== shape[i])) {
    throw new UserError(`${checkpoint.name}: ${name} has shape [${tensor.shape}], wanted [${shape}]`);
  }
}

function wantedShapes(config: EncoderConfig): Map<string, readonly number[]> {
  const { hiddenSize: h, intermediateSize: i } = config;
  const shapes = new Map<string, readonly number[]>([
    [WORD_EMBEDDINGS, [config.vocabularySize, h]],
    [POSITION_EMBEDDINGS, [config.positionCount, h]],
    [TOKEN_TYPE_EMBEDDINGS, [config.tokenTypeCount, h]],
  ]);
  const linear = (name: string, n: number, k: number) => shapes.set(`${name}.weight`, [n, k]).set(`${name}.bias`, [n]);
  const norm = (name: string) => shapes.set(`${name}.weight`, [h]).set(`${name}.bias`, [h]);
  norm(EMBEDDINGS_NORM);
  for (let layer = 0; layer < config.layerCount; layer++) {
    for (const part of ['query', 'key', 'value']) linear(layerTensor(layer, `attention.self.${part}`), h, h);
    linear(layerTensor(layer, 'attention.output.dense'), h, h);
    norm(layerTensor(layer, 'attention.output.LayerNorm'));
    linear(layerTensor(layer, 'intermediate.dense'), i, h);
    linear(layerTensor(layer, 'output.dense'), h, i);
    norm(layerTensor(layer, 'output.LayerNorm'));
  }
  return shapes;
}

function renamed(checkpoint: Checkpoint, stored: ReadonlyMap<string, string>): Checkpoint {
  return {
    name: checkpoint.name,
    tensors: new Map([...stored].map(([plain, name]) => [plain, checkpoint.tensors.get(name)!])),
    readRows: (tensor, startRow, rowCount, into) =>
      checkpoint.readRows(stored.get(tensor) ?? tensor, startRow, rowCount, into),
    close: () => checkpoint.close(),
  };
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => JSON.stringify(name.slice(0, 200)));
  return shown.join(', ') + (names.length > shown.length ? ` and ${names.length - shown.length} more` : '');
}
