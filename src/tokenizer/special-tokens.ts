import { SPECIAL_TEXTS, type SpecialIds, type Vocabulary } from './vocabulary.ts';

/** A special token written out in a text. */
export interface SpecialMatch {
  readonly id: number;
  /** In UTF-16 units, the white space that it takes with it included. */
  readonly start: number;
  readonly end: number;
}

/** Unicode's White_Space. */
const WHITE_SPACE = /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/;

/** Finds special tokens as `tokenizers` does: in the raw text, literally, whatever stands around them. */
export function createSpecialFinder({ special, maskStripsLeft }: Vocabulary) {
  const literals = (Object.keys(SPECIAL_TEXTS) as (keyof SpecialIds)[]).map((name) => ({
    text: SPECIAL_TEXTS[name],
    id: special[name],
    stripsLeft: name === 'mask' && maskStripsLeft,
  }));

  /** The first special token at `from` or later. */
  return (text: string, from: number): SpecialMatch | undefined => {
    for (let at = text.indexOf('<', from); at >= 0; at = text.indexOf('<', at + 1)) {
      for (const literal of literals) {
        if (!text.startsWith(literal.text, at)) continue;
        let start = at;
        if (literal.stripsLeft) while (start > from && WHITE_SPACE.test(text[start - 1]!)) start--;
        return { id: literal.id, start, end: at + literal.text.length };
      }
    }
    return undefined;
  };
}
