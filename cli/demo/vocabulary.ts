import type { Piece } from '../tokenizer/pipeline.ts';

/** A block of a two-byte encoding: lead and trail bytes, both ends included. */
interface CharacterSet {
  readonly encoding: string;
  readonly lead: readonly [number, number];
  readonly trail: readonly [number, number];
}

/** Legacy encodings list a script's common characters, and the runtime's own decoder enumerates them. */
const CHARACTER_SETS: readonly CharacterSet[] = [
  { encoding: 'gbk', lead: [0xb0, 0xd7], trail: [0xa1, 0xfe] }, // GB 2312, level 1: 3,755 Han characters
  { encoding: 'euc-jp', lead: [0xb0, 0xcf], trail: [0xa1, 0xfe] }, // JIS X 0208, level 1: 2,965
  { encoding: 'euc-kr', lead: [0xb0, 0xc8], trail: [0xa1, 0xfe] }, // KS X 1001: 2,350 Hangul syllables
];

/** Latin, Greek, Cyrillic, Hebrew, Arabic, Devanagari, Thai, Vietnamese, punctuation, currency, kana: first and last code points. */
const BLOCKS: readonly (readonly [number, number])[] = [
  [0x21, 0x7e],
  [0xa1, 0x17f],
  [0x300, 0x345],
  [0x370, 0x3ff],
  [0x400, 0x45f],
  [0x490, 0x4ff],
  [0x5b0, 0x5c7],
  [0x5d0, 0x5f4],
  [0x60c, 0x6ff],
  [0x900, 0x97f],
  [0xe01, 0xe5b],
  [0x1ea0, 0x1ef9],
  [0x2010, 0x2044],
  [0x20a0, 0x20bf],
  [0x3001, 0x3011],
  [0x3041, 0x30ff],
];

/** A space is a piece of its own, so that a word is cut alike behind a space and behind a bracket. */
const SPACE: Piece = { text: '▁', score: -1 };
/** Single characters are used where nothing else fits. */
const CHARACTER_SCORE = -15;
const PRINTED = /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u;

/**
 * Parts of words, and single characters for what they leave. Characters that the normaliser turns into others are left out.
 *
 * @param list `pieces.txt`: the common words, then a language a line, its code and its pieces, the most useful first; `scripts/demo-pieces.ts`
 *   makes it.
 */
export function demoPieces(list: string): Piece[] {
  const pieces: Piece[] = [SPACE];
  const known = new Set<string>();
  const add = (text: string, score: number): void => {
    if (known.has(text) || !PRINTED.test(text) || text.normalize('NFKC') !== text) return;
    known.add(text);
    pieces.push({ text, score: Math.fround(score) });
  };
  for (const line of list.trim().split('\n')) {
    for (const [rank, text] of line.split(' ').slice(1).entries()) add(text, scoreOf(rank));
  }
  for (const [first, last] of BLOCKS) {
    for (let codePoint = first; codePoint <= last; codePoint++) add(String.fromCodePoint(codePoint), CHARACTER_SCORE);
  }
  for (const set of CHARACTER_SETS) for (const text of charactersOf(set)) add(text, CHARACTER_SCORE);
  return pieces;
}

/** Words of unspaced scripts that tell little. */
export function commonWords(list: string): ReadonlySet<string> {
  return new Set(list.slice(0, list.indexOf('\n')).split(' ').slice(1));
}

/** Zipf's law, and so low that fewer pieces are always better. */
const scoreOf = (rank: number) => -6 - Math.log(rank + 30);

function* charactersOf({ encoding, lead, trail }: CharacterSet): Generator<string> {
  const decoder = new TextDecoder(encoding);
  for (let row = lead[0]; row <= lead[1]; row++) {
    for (let cell = trail[0]; cell <= trail[1]; cell++) {
      const text = decoder.decode(Uint8Array.of(row, cell));
      if (!text.includes('\ufffd')) yield text; // a cell without a character
    }
  }
}
