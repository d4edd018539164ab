import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { CheckpointDirectory } from '../checkpoint/directory.ts';
import { type EncoderConfig, withColbertSize } from '../checkpoint/encoder-config.ts';
import { checkTensor, encoderTensors } from '../checkpoint/encoder-tensors.ts';
import type { FloatModel } from '../float/reference.ts';
import { UserError } from '../user-error.ts';
import { type BuiltTokenizer, type buildTokenizer, readTokenizerSource } from './tokenizer.ts';

/** The tensors, once all are there in the shapes that config.json promises. @param opened Receives what the caller must close, also when this throws. */
export async function openTensors(
  directory: CheckpointDirectory,
  config: EncoderConfig,
  opened: Checkpoint[],
): Promise<FloatModel> {
  const keep = keepIn(opened);
  const encoder = encoderTensors(await keep(directory.openEncoder()), config);
  return { encoder, ...(await openHeads(directory, config, opened)) };
}

/** The heads, and with them the last dimension. @param opened As of `openTensors`. */
export async function openHeads(
  directory: CheckpointDirectory,
  config: EncoderConfig,
  opened: Checkpoint[],
): Promise<Omit<FloatModel, 'encoder'>> {
  const keep = keepIn(opened);
  const sparse = await keep(directory.openHead('sparse_linear.pt'));
  checkTensor(sparse, 'weight', [1, config.hiddenSize]);
  checkTensor(sparse, 'bias', [1]);
  const colbert = await keep(directory.openHead('colbert_linear.pt'));
  const architecture = withColbertSize(config, colbert.tensors.get('weight')?.shape[0] ?? 0);
  checkTensor(colbert, 'weight', [architecture.colbertSize, config.hiddenSize]);
  checkTensor(colbert, 'bias', [architecture.colbertSize]);
  return { architecture, sparse, colbert };
}

const keepIn =
  (opened: Checkpoint[]) =>
  async (opening: Promise<Checkpoint>): Promise<Checkpoint> => {
    const checkpoint = await opening;
    opened.push(checkpoint);
    return checkpoint;
  };

/** @throws UserError where the tokenizer has another number of pieces than the model. */
export function openTokenizer(
  directory: CheckpointDirectory,
  config: EncoderConfig,
  build: typeof buildTokenizer,
): BuiltTokenizer {
  const tokenizer = build(readTokenizerSource(directory));
  if (tokenizer.vocabularySize !== config.vocabularySize) {
    throw new UserError(
      `config.json: vocab_size is ${config.vocabularySize}, the tokenizer has ${tokenizer.vocabularySize} pieces; are they of one model?`,
    );
  }
  return tokenizer;
}
