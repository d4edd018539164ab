import { type Alignment, createAlignment } from './alignment.ts';
import { createLattice } from './lattice.ts';
import { createNormalizer } from './normalizer.ts';
import { createPieces } from './pieces.ts';
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

export interface EncodedWithOffsets extends Encoded {
  /** `[tokens, 2]`: of each token the first byte of UTF-8 and the one behind its last; 0, 0 for `<s>` and `</s>` around the text. */
  readonly offsets: Uint32Array;
}

/** Text to token ids and back, exactly as Hugging Face `tokenizers` 0.23.2 does it for XLM-R and BGE-M3. */
export interface Tokenizer {
  /**
   * Ids of `<s> text </s>`. Work stops once the limit is reached, unless the left side is cut.
   *
   * @param text Half surrogate pairs count as U+FFFD.
   * @throws RangeError if `maxTokens` is less than 2 or has a fraction.
   */
  encode(text: string, options?: EncodeOptions): Encoded;
  /** As `encode`, and says where in the text each token comes from. */
  encodeWithOffsets(text: string, options?: EncodeOptions): EncodedWithOffsets;
  /**
   * @param options.skipSpecial Leaves the special tokens out; default false.
   * @throws RangeError if an id is not in the vocabulary.
   */
  decode(ids: ArrayLike<number>, options?: { skipSpecial?: boolean }): string;
  /**
   * The piece as the vocabulary has it, ▁ for a space before a word.
   *
   * @throws RangeError if the id is not in the vocabulary.
   */
  piece(id: number): string;
  readonly vocabularySize: number;
  readonly special: SpecialIds;
}

/** One tokenizer serves an isolate: it keeps its buffers, and no call of it waits. */
export function createTokenizer(vocabulary: Vocabulary): Tokenizer {
  const { special, vocabularySize } = vocabulary;
  const lattice = createLattice(vocabulary);
  const findSpecial = createSpecialFinder(vocabulary);
  const normalizer = createNormalizer(vocabulary);
  // Made on first use, as most isolates need neither.
  let offsetAlignment: Alignment | undefined;
  let pieces: ((id: number) => string) | undefined;

  /** Gathers tokens in the lattice, until there are more than `limit`. */
  function tokenize(text: string, limit: number, alignment?: Alignment): void {
    lattice.reset();
    alignment?.reset(text);
    for (let position = 0; position < text.length && lattice.count <= limit; ) {
      const match = findSpecial(text, position);
      const end = match?.start ?? text.length;
      if (position < end) {
        normalizer.start(text, position, end, alignment);
        tokenizePart(limit);
      }
      if (match && lattice.count <= limit) {
        lattice.addSpecial(match.id);
        alignment?.writeSpecial(match.start, match.end);
      }
      position = match?.end ?? end;
    }
  }

  function tokenizePart(limit: number): void {
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

  /** Tokenises, and says which of the lattice's tokens stay. */
  function encodeInto(text: string, options: EncodeOptions, alignment?: Alignment) {
    const { maxTokens = Number.POSITIVE_INFINITY, truncationSide = 'right' } = options;
    const limit = maxTokens - 2;
    if (!(limit >= 0) || limit % 1 > 0) throw new RangeError(`maxTokens is ${maxTokens}, not an integer of at least 2`);
    tokenize(text, truncationSide === 'right' ? limit : Number.POSITIVE_INFINITY, alignment);
    const kept = Math.min(lattice.count, limit);
    const first = truncationSide === 'left' ? lattice.count - kept : 0;
    const ids = new Uint32Array(kept + 2);
    ids[0] = special.bos;
    ids.set(lattice.ids.subarray(first, first + kept), 1);
    ids[kept + 1] = special.eos;
    return { encoded: { ids, truncated: lattice.count > kept }, first, kept };
  }

  function pieceOf(id: number): string {
    if (!(id >= 0 && id < vocabularySize && id % 1 === 0)) {
      throw new RangeError(`${id} is no token id: they are 0 to ${vocabularySize - 1}`);
    }
    pieces ??= createPieces(vocabulary);
    return pieces(id);
  }

  return {
    vocabularySize,
    special,
    piece: pieceOf,

    encode(text, options = {}) {
      return encodeInto(text, options).encoded;
    },

    encodeWithOffsets(text, options = {}) {
      offsetAlignment ??= createAlignment();
      const { encoded, first, kept } = encodeInto(text, options, offsetAlignment);
      const { starts, ends } = offsetAlignment;
      const offsets = new Uint32Array((kept + 2) * 2);
      let code = 0;
      for (let token = 0; token < first + kept; token++) {
        const next = code + lattice.lengths[token]!;
        if (token >= first) offsets.set([starts[code]!, ends[next - 1]!], (token - first + 1) * 2);
        code = next;
      }
      return { ...encoded, offsets };
    },

    decode(ids, { skipSpecial = false } = {}) {
      const isSpecial = new Set(Object.values(special));
      let text = '';
      let isFirst = true;
      for (let i = 0; i < ids.length; i++) {
        if (skipSpecial && isSpecial.has(ids[i]!)) continue;
        text += pieceOf(ids[i]!).replaceAll('▁', isFirst ? '' : ' ');
        isFirst = false;
      }
      return text;
    },
  };
}
