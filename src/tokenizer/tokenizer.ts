import { createLattice } from './lattice.ts';
import { createNormalizer } from './normalizer.ts';
import { createSpecialFinder } from './special-tokens.ts';
import type { SpecialIds, Vocabulary } from './vocabulary.ts';

export interface Encoded {
  readonly ids: Uint32Array;
  readonly truncated: boolean;
}

export interface EncodeOptions {
  /** Tokens of the result, `<s>` and `</s>` included: at least 2. Default: no limit. */
  readonly maxTokens?: number;
  /** Where a text that is too long loses tokens; default right. */
  readonly truncationSide?: 'left' | 'right';
}

/** Text to token ids and back, exactly as Hugging Face `tokenizers` does it for XLM-R and BGE-M3. */
export interface Tokenizer {
  /**
   * Ids of `<s> text </s>`. Work stops once the limit is reached, unless the left side is cut.
   *
   * @param text Half surrogate pairs count as U+FFFD.
   * @throws RangeError if `maxTokens` is not an integer from 2 on.
   */
  encode(text: string, options?: EncodeOptions): Encoded;
  readonly vocabularySize: number;
  readonly special: SpecialIds;
}

export function createTokenizer(vocabulary: Vocabulary): Tokenizer {
  const normalizer = createNormalizer(vocabulary);
  const lattice = createLattice(vocabulary);
  const findSpecial = createSpecialFinder(vocabulary);
  const { special } = vocabulary;

  /** Gathers tokens in the lattice, until there are more than `limit`. */
  function tokenize(text: string, limit: number): void {
    lattice.reset();
    let position = 0;
    while (position < text.length && lattice.count <= limit) {
      const match = findSpecial(text, position);
      const end = match?.start ?? text.length;
      if (position < end) tokenizePart(text, position, end, limit);
      if (match && lattice.count <= limit) lattice.addSpecial(match.id);
      position = match?.end ?? end;
    }
  }

  function tokenizePart(text: string, from: number, to: number, limit: number): void {
    normalizer.start(text, from, to);
    let length = 0;
    while (lattice.count <= limit) {
      length = normalizer.read(lattice.codes, length);
      if (length === 0) return;
      if (normalizer.wordEnded) {
        lattice.endWord(length);
        length = 0;
      } else {
        length = lattice.settle(length);
      }
    }
  }

  return {
    vocabularySize: vocabulary.vocabularySize,
    special,

    encode(text, { maxTokens = Number.POSITIVE_INFINITY, truncationSide = 'right' } = {}) {
      const limit = maxTokens - 2;
      if (!(limit >= 0)) throw new RangeError(`maxTokens is ${maxTokens}; <s> and </s> alone are 2`);
      tokenize(text, truncationSide === 'right' ? limit : Number.POSITIVE_INFINITY);
      const truncated = lattice.count > limit;
      const kept = Math.min(lattice.count, limit);
      const first = truncationSide === 'left' ? lattice.count - kept : 0;
      const ids = new Uint32Array(kept + 2);
      ids[0] = special.bos;
      ids.set(lattice.ids.subarray(first, first + kept), 1);
      ids[kept + 1] = special.eos;
      return { ids, truncated };
    },
  };
}
