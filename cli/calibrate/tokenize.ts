import { createTokenizer } from '../../src/tokenizer/tokenizer.ts';
import { parseVocabulary } from '../../src/tokenizer/vocabulary.ts';

/** Texts at most this long: longer ones cost their square, and teach little that short ones do not. */
const MAX_TOKENS = 512;

/**
 * Token ids of texts, `<s>` and `</s>` included, each cut at 512.
 *
 * @param vocabulary `tokenizer.bin`
 */
export function tokenizeTexts(vocabulary: Uint8Array, texts: readonly string[], maxTokens: number): Uint32Array[] {
  const tokenizer = createTokenizer(parseVocabulary(vocabulary));
  return texts.map((text) => tokenizer.encode(text, { maxTokens: Math.min(maxTokens, MAX_TOKENS) }).ids);
}
