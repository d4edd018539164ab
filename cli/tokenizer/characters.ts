import {
  GRAPHEME_CLASS,
  GRAPHEME_CLASS_BITS,
  GRAPHEME_JOINS,
  GRAPHEME_START,
  GRAPHEME_STATE,
  GRAPHEME_STEPS,
  type GraphemeClass,
} from '../../src/tokenizer/grapheme.ts';
import {
  BLOCK_COUNT,
  ENTRY_CLASS_SHIFT,
  ENTRY_REPLACED,
  ENTRY_STARTS_PAIR,
  ENTRY_SURROGATE,
  ENTRY_VALUE,
  PAGE_BITS,
  SPACE_CODE,
} from '../../src/tokenizer/vocabulary.ts';
import { UserError } from '../user-error.ts';
import { GRAPHEME_RANGES } from './grapheme-classes.ts';
import type { Pipeline } from './pipeline.ts';

/** The sections of `tokenizer.bin` that map characters. */
export interface CharacterTables {
  readonly pageOfBlock: Uint16Array;
  readonly pages: Uint32Array;
  readonly poolStart: Uint32Array;
  readonly pool: Uint16Array;
  readonly pairFirst: Uint32Array;
  readonly pairSecond: Uint32Array;
  readonly pairReplacement: Uint16Array;
}

const META = '▁';
const CODE_POINTS = 0x110000;

/** Numbers the characters of the pieces from `SPACE_CODE` = ▁ on, the most frequent first, so that siblings in the trie have near codes. */
export function assignCodes(pieces: Pipeline['pieces']): Map<string, number> {
  const frequency = new Map<string, number>();
  for (const { text } of pieces) for (const c of text) frequency.set(c, (frequency.get(c) ?? 0) + 1);
  frequency.delete(META);
  const ranked = [...frequency].sort((a, b) => b[1] - a[1] || a[0].codePointAt(0)! - b[0].codePointAt(0)!);
  const codes = new Map([[META, SPACE_CODE]]);
  for (const [c] of ranked) codes.set(c, codes.size + 1);
  return codes;
}

/**
 * @param charsmap Replacement by key.
 * @param codes Of the characters that pieces have; all others get `codeCount`.
 * @throws UserError if the map does what the normaliser cannot.
 */
export function buildCharacterTables(
  charsmap: ReadonlyMap<string, string>,
  codes: ReadonlyMap<string, number>,
  codeCount: number,
  splitWhitespace: boolean,
): CharacterTables {
  if (charsmap.get(META) !== ' ') throw unsupported(`${META} does not become a space`);
  const isSpace = splitWhitespace ? /^\p{White_Space}$/u : /^ $/;
  const codeOf = (c: string) => (isSpace.test(c) ? SPACE_CODE : (codes.get(c) ?? codeCount));

  const entries = new Uint32Array(CODE_POINTS).fill(codeCount);
  for (const [c, code] of codes) entries[c.codePointAt(0)!] = code;
  for (let c = 0; c < 0x10000; c++) if (isSpace.test(String.fromCharCode(c))) entries[c] = SPACE_CODE;
  entries.fill(codeCount | ENTRY_SURROGATE, 0xd800, 0xe000);
  const classes = graphemeClasses();

  const pool: number[] = [];
  const poolStart = [0];
  const numberOf = new Map<string, number>();
  const addReplacement = (text: string): number => {
    const known = numberOf.get(text);
    if (known !== undefined) return known;
    if (text.includes(META)) throw unsupported(`a replacement holds ${META}`);
    for (const c of text) pool.push(codeOf(c));
    numberOf.set(text, poolStart.length - 1);
    if (poolStart.push(pool.length) > ENTRY_VALUE + 1) throw unsupported('it has more than 65,535 replacements');
    return poolStart.length - 2;
  };

  const pairs: { first: number; second: number; replacement: number }[] = [];
  for (const [key, replacement] of [...charsmap].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [first, second, ...rest] = Array.from(key, (c) => c.codePointAt(0)!);
    if (first === undefined) continue;
    if (second === undefined) {
      entries[first] = ENTRY_REPLACED | addReplacement(replacement);
      continue;
    }
    // A longer key can only match inside one cluster, and only if no shorter key begins it.
    if (charsmap.has(String.fromCodePoint(first)) || !formCluster([first, second, ...rest], classes)) continue;
    if (rest.length > 0) {
      if (charsmap.has(String.fromCodePoint(first, second))) continue;
      throw unsupported(`a key has ${key.length} characters and no shorter one begins it`);
    }
    pairs.push({ first, second, replacement: addReplacement(replacement) });
    entries[first]! |= ENTRY_STARTS_PAIR;
  }
  pairs.sort((a, b) => a.first - b.first || a.second - b.second);
  for (let c = 0; c < CODE_POINTS; c++) entries[c]! |= classes[c]! << ENTRY_CLASS_SHIFT;

  return {
    ...splitPages(entries),
    poolStart: Uint32Array.from(poolStart),
    pool: Uint16Array.from(pool),
    pairFirst: Uint32Array.from(pairs, (pair) => pair.first),
    pairSecond: Uint32Array.from(pairs, (pair) => pair.second),
    pairReplacement: Uint16Array.from(pairs, (pair) => pair.replacement),
  };
}

function formCluster(characters: readonly number[], classes: Uint8Array): boolean {
  let state = GRAPHEME_START;
  return characters.every((c, index) => {
    const step = GRAPHEME_STEPS[(state << GRAPHEME_CLASS_BITS) | classes[c]!]!;
    state = step & GRAPHEME_STATE;
    return index === 0 || (step & GRAPHEME_JOINS) !== 0;
  });
}

/** `GRAPHEME_CLASS` of every code point. */
export function graphemeClasses(): Uint8Array {
  const classes = new Uint8Array(CODE_POINTS);
  for (const [name, ranges] of Object.entries(GRAPHEME_RANGES)) {
    for (const range of ranges.trim().split(/\s+/)) {
      const [first, last = first] = range.split('-').map((digits) => Number.parseInt(digits, 16));
      classes.fill(GRAPHEME_CLASS[name as GraphemeClass], first, last! + 1);
    }
  }
  const syllables = { first: 0xac00, last: 0xd7a3, vowelsApart: 28 };
  for (let c = syllables.first; c <= syllables.last; c++) {
    const hasFinal = (c - syllables.first) % syllables.vowelsApart !== 0;
    classes[c] = hasFinal ? GRAPHEME_CLASS.hangulLVT : GRAPHEME_CLASS.hangulLV;
  }
  return classes;
}

/** Stores equal pages once. */
function splitPages(entries: Uint32Array): { pageOfBlock: Uint16Array; pages: Uint32Array } {
  const pageOfBlock = new Uint16Array(BLOCK_COUNT);
  const known = new Map<string, number>();
  const pages: Uint32Array[] = [];
  for (let block = 0; block < BLOCK_COUNT; block++) {
    const page = entries.subarray(block << PAGE_BITS, (block + 1) << PAGE_BITS);
    const key = page.join();
    let number = known.get(key);
    if (number === undefined) {
      number = pages.push(page) - 1;
      known.set(key, number);
    }
    pageOfBlock[block] = number;
  }
  const joined = new Uint32Array(pages.length << PAGE_BITS);
  pages.forEach((page, index) => {
    joined.set(page, index << PAGE_BITS);
  });
  return { pageOfBlock, pages: joined };
}

function unsupported(reason: string): UserError {
  return new UserError(
    `precompiled_charsmap: ${reason}, which this normaliser cannot do; take the tokenizer.json of an XLM-R model`,
  );
}
