import type { CheckpointDirectory } from '../checkpoint/directory.ts';
import { UserError } from '../user-error.ts';

/** bge-m3's tokenizer.json has 17 MB; a vocabulary that needs more is not one of XLM-R's. */
const MAX_TOKENIZER_BYTES = 64 * 1024 * 1024;

/** What a tokenizer is built from: see `buildVocabulary`. */
export type TokenizerSource =
  | { readonly kind: 'tokenizer.json'; readonly json: unknown }
  | { readonly kind: 'sentencepiece'; readonly bytes: Uint8Array };

/**
 * `tokenizer.json`, else `sentencepiece.bpe.model`.
 *
 * @throws UserError if neither is there, or what is there is too long or not JSON.
 */
export function readTokenizerSource(directory: CheckpointDirectory): TokenizerSource {
  const file = directory.find('tokenizer.json', 'sentencepiece.bpe.model');
  if (file === undefined)
    throw new UserError('tokenizer.json: not there, nor sentencepiece.bpe.model; download one of them');
  const bytes = directory.readBytes(file, MAX_TOKENIZER_BYTES);
  if (file !== 'tokenizer.json') return { kind: 'sentencepiece', bytes };
  try {
    return { kind: 'tokenizer.json', json: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) };
  } catch (error) {
    throw new UserError(`tokenizer.json: ${(error as Error).message.slice(0, 120)}; download it again`, {
      cause: error,
    });
  }
}
