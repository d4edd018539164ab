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
  ENTRY_VALUE,
  PAGE_BITS,
  SPACE_CODE,
  type Vocabulary,
} from './vocabulary.ts';

/** Turns a text into words: codes of characters, each word beginning with `SPACE_CODE`. */
export interface Normalizer {
  /** Begins the part `[from, to)` of a text, in UTF-16 units. */
  start(text: string, from: number, to: number): void;
  /**
   * Writes the current word's next codes to `codes[length]` and on, until the word ends or `codes` is full; 0 begins a word.
   *
   * @returns The new length; unchanged 0 if there is no further word.
   */
  read(codes: Uint16Array, length: number): number;
  /** Whether the last `read` ended because the word did. */
  readonly wordEnded: boolean;
}

/** A cluster of fewer bytes of UTF-8 is mapped as a whole: so says `tokenizers`' Precompiled normaliser. */
const SHORT_CLUSTER_BYTES = 6;
/** No character below it continues a cluster, line feed apart. */
const FIRST_COMBINING = 0x300;
const REPLACEMENT_CHARACTER = 0xfffd;

/**
 * Hugging Face's Precompiled (character map), Replace / {2,}/, Metaspace and maybe WhitespaceSplit in one pass.
 *
 * The map works by grapheme cluster. In one of fewer than 6 bytes the shortest key that begins the cluster stands for all of it, the rest is
 * dropped; else each character is mapped by itself.
 *
 * @param alignment Is told where each code comes from.
 */
export function createNormalizer(vocabulary: Vocabulary, alignment?: Alignment): Normalizer {
  const { pageOfBlock, pages, pool, poolStart, collapseSpaces, splitWhitespace } = vocabulary;
  const findPair = createPairFinder(vocabulary);
  let text = '';
  let position = 0;
  let end = 0;
  let state = GRAPHEME_START;
  /** The part of the pool that is still to be written. */
  let poolPosition = 0;
  let poolEnd = 0;
  /** The space that ended the last word begins the next one. */
  let spacePending = false;
  let wordEnded = true;

  function entryOf(codePoint: number): number {
    return pages[(pageOfBlock[codePoint >> PAGE_BITS]! << PAGE_BITS) | (codePoint & ((1 << PAGE_BITS) - 1))]!;
  }

  function replaceBy(replacement: number, characterCount: number): void {
    poolPosition = poolStart[replacement]!;
    poolEnd = poolStart[replacement + 1]!;
    alignment?.replace(characterCount, poolEnd - poolPosition);
  }

  /**
   * Maps the cluster that begins with the character just read as a whole, if it is short and a key begins it.
   *
   * @returns Whether `position` and `state` are now behind the cluster and its replacement is next.
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
      const step = GRAPHEME_STEPS[(clusterState << GRAPHEME_CLASS_BITS) | ((entryOf(c) >> ENTRY_CLASS_SHIFT) & 31)]!;
      if ((step & GRAPHEME_JOINS) === 0) break;
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

  return {
    get wordEnded() {
      return wordEnded;
    },

    start(newText, from, to) {
      text = newText;
      position = from;
      alignment?.startPart(from);
      end = to;
      state = GRAPHEME_START;
      poolPosition = poolEnd = 0;
      spacePending = false;
      wordEnded = true;
    },

    read(codes, length) {
      let n = length;
      wordEnded = false;
      if (spacePending && n === 0) {
        codes[n++] = SPACE_CODE;
        alignment?.write();
        spacePending = false;
      }
      // One place is kept free: the first code of a part brings a space before it.
      const capacity = codes.length - 1;
      while (n < capacity) {
        let code: number;
        if (poolPosition < poolEnd) {
          code = pool[poolPosition++]!;
        } else {
          if (position >= end) {
            wordEnded = true;
            return n;
          }
          let c = text.charCodeAt(position);
          if ((c & 0xf800) === 0xd800) c = codePointAt(text, position, end);
          position += c > 0xffff ? 2 : 1;
          const entry = entryOf(c);
          const cls = (entry >> ENTRY_CLASS_SHIFT) & 31;
          const step = GRAPHEME_STEPS[(state << GRAPHEME_CLASS_BITS) | cls]!;
          state = step & GRAPHEME_STATE;
          code = entry & ENTRY_VALUE;
          if (entry >= ENTRY_REPLACED) {
            const mayContinue =
              position < end && (text.charCodeAt(position) >= FIRST_COMBINING || cls !== GRAPHEME_CLASS.other);
            if ((step & GRAPHEME_JOINS) === 0 && mayContinue && mapCluster(c, entry)) continue;
            if ((entry & ENTRY_REPLACED) !== 0) {
              replaceBy(code, 1);
              continue;
            }
          }
          alignment?.replace(1, 1);
        }
        alignment?.next();
        if (code !== SPACE_CODE) {
          if (n === 0) {
            codes[n++] = SPACE_CODE;
            alignment?.write();
          }
          codes[n++] = code;
          alignment?.write();
        } else if (splitWhitespace) {
          if (n > 0) {
            wordEnded = true;
            return n;
          }
        } else if (n === 0) {
          codes[n++] = SPACE_CODE;
          alignment?.write();
        } else if (n > 1 || !collapseSpaces) {
          spacePending = true;
          wordEnded = true;
          return n;
        } else {
          alignment?.rewrite();
        }
      }
      return n;
    },
  };
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
