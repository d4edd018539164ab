import { basename, dirname } from 'node:path';
import type { Manifest } from '../../src/format/manifest.ts';
import { parseVocabulary } from '../../src/tokenizer/vocabulary.ts';
import { type CheckpointDirectory, openCheckpointDirectory } from '../checkpoint/directory.ts';
import { buildVocabulary, type TokenizerSource } from '../tokenizer/build.ts';
import { UserError } from '../user-error.ts';

/** bge-m3's tokenizer.json has 17 MB; a vocabulary that needs more is not one of XLM-R's. */
const MAX_TOKENIZER_BYTES = 64 * 1024 * 1024;

/** `tokenizer.bin` and what the manifest and the checks need to know of it. */
export interface BuiltTokenizer {
  readonly bytes: Uint8Array;
  readonly vocabularySize: number;
  readonly ids: Manifest['tokenizer'];
}

/** @throws UserError if the tokenizer is not one of XLM-R's kind. */
export function buildTokenizer(source: TokenizerSource): BuiltTokenizer {
  return describeVocabulary(buildVocabulary(source));
}

/** @param bytes `tokenizer.bin` */
export function describeVocabulary(bytes: Uint8Array): BuiltTokenizer {
  const { vocabularySize, special } = parseVocabulary(bytes);
  const { bos, pad, eos, unknown } = special;
  return { bytes, vocabularySize, ids: { bos, pad, eos, unknown } };
}

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
  return file === 'tokenizer.json' ? parseTokenizerJson(bytes, file) : { kind: 'sentencepiece', bytes };
}

/** A `tokenizer.json` by itself. @throws UserError as `readTokenizerSource`. */
export function readTokenizerFile(path: string): TokenizerSource {
  const directory = openCheckpointDirectory(dirname(path));
  return parseTokenizerJson(directory.readBytes(basename(path), MAX_TOKENIZER_BYTES), path);
}

function parseTokenizerJson(bytes: Uint8Array, name: string): TokenizerSource {
  try {
    return { kind: 'tokenizer.json', json: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) };
  } catch (error) {
    throw new UserError(`${name}: ${(error as Error).message.slice(0, 120)}; download it again`, { cause: error });
  }
}
