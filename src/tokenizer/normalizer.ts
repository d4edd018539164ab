import type { Alignment } from './alignment.ts';
import {
  GRAPHEME_CLASS,
  GRAPHEME_CLASS_BITS,
  GRAPHEME_JOINS,
  GRAPHEME_START,
  GRAPHEME_STATE,
  GRAPHEME_STEPS,
} from './grapheme.ts';
import {
  ENTRY_CLASS_SHIFT,
  ENTRY_REPLACED,
  ENTRY_STARTS_PAIR,
  ENTRY_VALUE,
  PAGE_BITS,
  SPACE_CODE,
  type Vocabulary,
} from './vocabulary.ts';

/** Turns a text into words: codes of characters, each word beginning with `SPACE_CODE`. */
export interface Normalizer {
  /**
   * Begins the part `[from, to)` of a text, in UTF-16 units.
   *
   * @param alignment Is told where each code comes from.
   */
  start(text: string, from: number, to: number, alignment?: Alignment): void;
  /**
   * Writes the current word's next codes to `codes[length]` and on, and nothing else behind them, until the word ends or `codes` is full; 0 begins a word.
   *
   * @returns The new length; unchanged 0 if there is no further word.
   */
  read(codes: Uint16Array, length: number): number;
  /** Whether the last `read` ended because the word did. */
  readonly wordEnded: boolean;
  /** Characters looked at and codes written since `start`: what grows with the text, and must do so linearly. */
  readonly steps: number;
}

/** A cluster of fewer bytes of UTF-8 is mapped as a whole: so says `tokenizers`' Precompiled normaliser. */
const SHORT_CLUSTER_BYTES = 6;
const CLASS_MASK = (1 << GRAPHEME_CLASS_BITS) - 1;
const PAGE_MASK = (1 << PAGE_BITS) - 1;
const NO_CODE = -1;
const SPACE = 0x20;
/** No character below it continues a cluster, line feed apart. */
const FIRST_COMBINING = 0x300;
/** The state after any character of the class `other`. */
const AFTER_OTHER = GRAPHEME_STEPS[(GRAPHEME_START << GRAPHEME_CLASS_BITS) | GRAPHEME_CLASS.other]! & GRAPHEME_STATE;
/** With a plain character's code: a two-character key begins with it. */
const PLAIN_STARTS_PAIR = 0x8000;
const REPLACEMENT_CHARACTER = 0xfffd;

/**
 * Hugging Face's Precompiled (character map), Replace / {2,}/, Metaspace and maybe WhitespaceSplit in one pass.
 *
 * The map works by grapheme cluster. In one of fewer than 6 bytes the shortest key that begins the cluster stands for all of it, the rest is
 * dropped; else each character is mapped by itself.
 */
export function createNormalizer(vocabulary: Vocabulary): Normalizer {
  const { pageOfBlock, pages, pool, poolStart, collapseSpaces, splitWhitespace } = vocabulary;
  const findPair = createPairFinder(vocabulary);
  const plainCodes = createPlainCodes(vocabulary);
  /** Then a space is always ▁, whatever follows. */
  const spaceIsPlain = (entryOf(SPACE) & ~(CLASS_MASK << ENTRY_CLASS_SHIFT)) === SPACE_CODE;
  let text = '';
  let alignment: Alignment | undefined;
  let position = 0;
  let end = 0;
  let state = GRAPHEME_START;
  /** The part of the pool that is still to be written. */
  let poolPosition = 0;
  let poolEnd = 0;
  /** The space that ended the last word begins the next one. */
  let spacePending = false;
  let wordEnded = true;
  let steps = 0;

  function entryOf(codePoint: number): number {
    return pages[(pageOfBlock[codePoint >> PAGE_BITS]! << PAGE_BITS) | (codePoint & PAGE_MASK)]!;
  }

  function replaceBy(replacement: number, characterCount: number): void {
    poolPosition = poolStart[replacement]!;
    poolEnd = poolStart[replacement + 1]!;
    alignment?.replace(characterCount, poolEnd - poolPosition);
  }

  /**
   * Maps the cluster that begins with the character just read as a whole, if it has more characters, is short, and a key begins it.
   *
   * @returns Whether the replacement is next and the whole cluster is read.
   */
  function mapCluster(first: number, entry: number): boolean {
    const isReplaced = (entry & ENTRY_REPLACED) !== 0;
    let second = -1;
    let bytes = utf8Length(first);
    let characterCount = 1;
    let clusterEnd = position;
    let clusterState = state;
    while (clusterEnd < end) {
      const c = codePointAt(text, clusterEnd, end);
      const step =
        GRAPHEME_STEPS[(clusterState << GRAPHEME_CLASS_BITS) | ((entryOf(c) >> ENTRY_CLASS_SHIFT) & CLASS_MASK)]!;
      if ((step & GRAPHEME_JOINS) === 0) break;
      steps++;
      bytes += utf8Length(c);
      if (bytes >= SHORT_CLUSTER_BYTES) return false;
      if (second < 0) second = c;
      characterCount++;
      clusterState = step & GRAPHEME_STATE;
      clusterEnd += c > 0xffff ? 2 : 1;
    }
    if (second < 0) return false;
    const replacement = isReplaced ? entry & ENTRY_VALUE : findPair(first, second);
    if (replacement < 0) return false;
    replaceBy(replacement, characterCount);
    position = clusterEnd;
    state = clusterState;
    return true;
  }

  /**
   * Copies the rest of a replacement, and codes of characters that stand for themselves, as most do, whatever is around them; up to a space.
   *
   * @returns The new length.
   */
  function copyPlain(codes: Uint16Array, length: number, capacity: number): number {
    // Locals, as V8 loads what a closure shares again on every use.
    const source = text;
    const sourceEnd = end;
    let grapheme = state;
    let at = position;
    let n = length;
    while (poolPosition < poolEnd && n < capacity) {
      const code = pool[poolPosition]!;
      if (code === SPACE_CODE) return n;
      codes[n++] = code;
      poolPosition++;
    }
    const plain = plainCodes;
    const first = n;
    let last = 0;
    for (; at < sourceEnd && n < capacity; at++) {
      const code = plain[source.charCodeAt(at)]!;
      if (code === 0) break;
      codes[n++] = code & ~PLAIN_STARTS_PAIR;
      last = code;
    }
    // The last may begin a pair with what comes next.
    if (last >= PLAIN_STARTS_PAIR && at < sourceEnd && source.charCodeAt(at) >= FIRST_COMBINING) {
      at--;
      codes[--n] = 0;
    }
    if (n > first) grapheme = AFTER_OTHER;
    for (; at < sourceEnd && n < capacity; at++) {
      const unit = source.charCodeAt(at);
      const entry = pages[(pageOfBlock[unit >> PAGE_BITS]! << PAGE_BITS) | (unit & PAGE_MASK)]!;
      const code = entry & ENTRY_VALUE;
      const cls = (entry >> ENTRY_CLASS_SHIFT) & CLASS_MASK;
      if (entry >= ENTRY_STARTS_PAIR) {
        if (entry >= ENTRY_REPLACED || cls !== GRAPHEME_CLASS.other) break;
        if (at + 1 < sourceEnd && source.charCodeAt(at + 1) >= FIRST_COMBINING) break;
      }
      if (code === SPACE_CODE) break;
      grapheme = GRAPHEME_STEPS[(grapheme << GRAPHEME_CLASS_BITS) | cls]! & GRAPHEME_STATE;
      codes[n++] = code;
    }
    steps += n - length;
    position = at;
    state = grapheme;
    return n;
  }

  /** Whether a space is next in the text; then it is read. */
  function readSpace(): boolean {
    if (!spaceIsPlain || poolPosition < poolEnd || position >= end || text.charCodeAt(position) !== SPACE) return false;
    position++;
    steps++;
    state = AFTER_OTHER;
    return true;
  }

  /** The next code, of a replacement or of the text, or `NO_CODE` at the end. */
  function nextCode(): number {
    while (poolPosition === poolEnd) {
      if (position >= end) return NO_CODE;
      const c = codePointAt(text, position, end);
      position += c > 0xffff ? 2 : 1;
      steps++;
      const entry = entryOf(c);
      const step = GRAPHEME_STEPS[(state << GRAPHEME_CLASS_BITS) | ((entry >> ENTRY_CLASS_SHIFT) & CLASS_MASK)]!;
      state = step & GRAPHEME_STATE;
      if (entry >= ENTRY_STARTS_PAIR && (step & GRAPHEME_JOINS) === 0 && mapCluster(c, entry)) continue;
      if ((entry & ENTRY_REPLACED) === 0) {
        alignment?.replace(1, 1);
        return entry & ENTRY_VALUE;
      }
      replaceBy(entry & ENTRY_VALUE, 1);
    }
    return pool[poolPosition++]!;
  }

  function write(codes: Uint16Array, length: number, code: number): number {
    codes[length] = code;
    alignment?.write();
    return length + 1;
  }

  return {
    get wordEnded() {
      return wordEnded;
    },
    get steps() {
      return steps;
    },

    start(newText, from, to, newAlignment) {
      text = newText;
      alignment = newAlignment;
      position = from;
      alignment?.startPart(from);
      end = to;
      state = GRAPHEME_START;
      poolPosition = poolEnd = 0;
      spacePending = false;
      wordEnded = true;
      steps = 0;
    },

    read(codes, length) {
      // One place is kept free: the first code of a part brings a space before it.
      const capacity = codes.length - 1;
      let n = length;
      wordEnded = false;
      if (spacePending && n === 0) {
        n = write(codes, n, SPACE_CODE);
        spacePending = false;
      }
      while (n < capacity) {
        if (n > 0 && !alignment) n = copyPlain(codes, n, capacity);
        if (n === capacity) break;
        const code = !alignment && readSpace() ? SPACE_CODE : nextCode();
        if (code === NO_CODE) {
          wordEnded = true;
          break;
        }
        alignment?.next();
        if (code !== SPACE_CODE) {
          if (n === 0) n = write(codes, n, SPACE_CODE);
          n = write(codes, n, code);
        } else if (splitWhitespace) {
          if (n === 0) continue;
          wordEnded = true;
          break;
        } else if (n === 0) {
          n = write(codes, n, SPACE_CODE);
        } else if (n > 1 || !collapseSpaces) {
          spacePending = true;
          wordEnded = true;
          break;
        } else {
          alignment?.rewrite();
        }
      }
      return n;
    },
  };
}

/**
 * By UTF-16 unit: the code of a character that stands for itself and continues no cluster, with `PLAIN_STARTS_PAIR` if a two-character key begins
 * with it; 0 for all others and the space.
 */
function createPlainCodes({ pageOfBlock, pages }: Vocabulary): Uint16Array {
  const plain = new Uint16Array(0x10000);
  for (let unit = 0; unit < plain.length; unit++) {
    const entry = pages[(pageOfBlock[unit >> PAGE_BITS]! << PAGE_BITS) | (unit & PAGE_MASK)]!;
    const code = entry & ENTRY_VALUE;
    if (entry >= ENTRY_REPLACED || code >= PLAIN_STARTS_PAIR || code === SPACE_CODE) continue;
    if (((entry >> ENTRY_CLASS_SHIFT) & CLASS_MASK) !== GRAPHEME_CLASS.other) continue;
    plain[unit] = entry >= ENTRY_STARTS_PAIR ? code | PLAIN_STARTS_PAIR : code;
  }
  return plain;
}

/** The code point at a position of a well-formed or ill-formed text: half a surrogate pair counts as U+FFFD. */
export function codePointAt(text: string, position: number, end: number): number {
  const unit = text.charCodeAt(position);
  if ((unit & 0xf800) !== 0xd800) return unit;
  if (unit < 0xdc00 && position + 1 < end) {
    const low = text.charCodeAt(position + 1);
    if ((low & 0xfc00) === 0xdc00) return ((unit - 0xd800) << 10) + (low - 0xdc00) + 0x10000;
  }
  return REPLACEMENT_CHARACTER;
}

export function utf8Length(codePoint: number): number {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x10000 ? 3 : 4;
}

/** Finds the replacement of two characters, or -1. */
function createPairFinder({ pairFirst, pairSecond, pairReplacement }: Vocabulary) {
  return (first: number, second: number): number => {
    let low = 0;
    let high = pairFirst.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const difference = pairFirst[middle]! - first || pairSecond[middle]! - second;
      if (difference === 0) return pairReplacement[middle]!;
      if (difference < 0) low = middle + 1;
      else high = middle;
    }
    return -1;
  };
}
