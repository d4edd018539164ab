import { UNIT_HAS_PIECE, UNIT_IS_LEAF, type Vocabulary } from './vocabulary.ts';
import { clearKey, createWordCache, MAX_KEY_CODES, MAX_TOKENS } from './word-cache.ts';

/** Finds the best segmentation of words into pieces, and gathers the tokens of a text. */
export interface Lattice {
  /** The current word's codes, 0 behind them when it begins; `settle` may replace the buffer. */
  readonly codes: Uint16Array;
  /** Tokens gathered since `reset`. */
  readonly count: number;
  /** `[count]`; the rest of the buffer is not defined. */
  readonly ids: Uint32Array;
  /** Codes of each token, `[count]`; 1 for a special token. */
  readonly lengths: Uint32Array;
  /** Trie steps, back-pointers followed and codes moved since `reset`: what grows with the text, and must do so linearly. */
  readonly steps: number;
  reset(): void;
  /** Adds a special token found in the text. */
  addSpecial(id: number): void;
  /** Adds the tokens of the word that is `codes[0, length)`. */
  endWord(length: number): void;
  /**
   * Makes room in a full buffer whose word goes on: adds the tokens that no continuation can change and moves the rest to the front, or doubles
   * the buffer.
   *
   * @returns The number of codes left.
   */
  settle(length: number): number;
}

/** Codes of a word that are held before its beginning is settled: 28 KB with scores and back-pointers, so that they stay in the L1 cache. */
const INITIAL_CODES = 2048;
/** Buffers grown beyond it are dropped when the next text comes. */
const KEPT_CODES = 64 * 1024;
const LENGTH_BITS = 5;
const LENGTH_MASK = (1 << LENGTH_BITS) - 1;

/**
 * Viterbi over the pieces' scores as in `tokenizers`' Unigram: float64 sums from the start of the word, and of equal sums the one whose last
 * piece begins first. A character that is no piece costs `unknownScore`; neighbours of the unknown token become one.
 */
export function createLattice(vocabulary: Vocabulary): Lattice {
  const { units, check, scores, unknownScore, maxPieceLength } = vocabulary;
  const unknown = vocabulary.special.unknown;
  const rootBase = units[0]! >> 2;
  const cache = createWordCache();

  let codes = new Uint16Array(INITIAL_CODES);
  /** The same memory. */
  let codePairs = new Uint32Array(codes.buffer);
  /** Of position p: the best sum over pieces that end there, and id << 5 | length of the last piece. */
  let best = new Float64Array(INITIAL_CODES + 1);
  let back = new Int32Array(INITIAL_CODES + 1);
  /** Positions before it are done as starts; up to `lastCleared` the sums hold values of this word. */
  let nextStart = 0;
  let lastCleared = 0;
  /** The beginning of the word is settled, and its tokens are added. */
  let isSettled = false;

  let ids = new Uint32Array(INITIAL_CODES);
  let lengths = new Uint32Array(INITIAL_CODES);
  let count = 0;
  let steps = 0;

  /** Tries every piece that begins in `[nextStart, lastStart)`; `length` codes are known. */
  function relax(lastStart: number, length: number): void {
    // Locals, as V8 loads what a closure shares again on every use.
    const word = codes;
    const sums = best;
    const links = back;
    // A loop, as most words are shorter than the call of `fill` is worth.
    for (let position = lastCleared + 1; position <= length; position++) sums[position] = -Infinity;
    lastCleared = length;
    let taken = 0;
    for (let start = nextStart; start < lastStart; start++) {
      const sum = sums[start]!;
      const limit = Math.min(length, start + maxPieceLength);
      let position = start + 1;
      // The first character by itself, as it alone may be unknown.
      const first = word[start]!;
      let slot = rootBase + first;
      let unit = check[slot] === first ? units[slot]! : 0;
      let candidate = sum + unknownScore;
      let link = (unknown << LENGTH_BITS) | 1;
      if ((unit & (UNIT_HAS_PIECE | UNIT_IS_LEAF)) !== 0) {
        const id = (unit & UNIT_IS_LEAF) !== 0 ? unit >> 2 : units[unit >> 2]! >> 2;
        candidate = sum + scores[id]!;
        link = (id << LENGTH_BITS) | 1;
      }
      if (candidate > sums[position]!) {
        sums[position] = candidate;
        links[position] = link;
      }
      if (unit !== 0) {
        while ((unit & UNIT_IS_LEAF) === 0 && position < limit) {
          const code = word[position]!;
          slot = (unit >> 2) + code;
          if (check[slot] !== code) break;
          unit = units[slot]!;
          position++;
          if ((unit & (UNIT_HAS_PIECE | UNIT_IS_LEAF)) !== 0) {
            const id = (unit & UNIT_IS_LEAF) !== 0 ? unit >> 2 : units[unit >> 2]! >> 2;
            const candidate = sum + scores[id]!;
            if (candidate > sums[position]!) {
              sums[position] = candidate;
              links[position] = (id << LENGTH_BITS) | (position - start);
            }
          }
        }
      }
      taken += position - start;
    }
    steps += taken;
    nextStart = lastStart;
  }

  function reserve(tokens: number): void {
    if (count + tokens <= ids.length) return;
    const capacity = Math.max(ids.length * 2, count + tokens);
    ids = grown(ids, capacity);
    lengths = grown(lengths, capacity);
  }

  /** Adds the tokens on the best path to `end`. */
  function emit(end: number): void {
    reserve(end);
    const links = back;
    const outIds = ids;
    const outLengths = lengths;
    const first = count;
    let last = first;
    let follower = -1;
    for (let position = end; position > 0; ) {
      const link = links[position]!;
      const id = link >> LENGTH_BITS;
      const length = link & LENGTH_MASK;
      if (id === unknown && follower === unknown) {
        outLengths[last - 1]! += length;
      } else {
        outIds[last] = id;
        outLengths[last] = length;
        last++;
      }
      follower = id;
      position -= length;
    }
    steps += last - first;
    // The path was followed from its end.
    for (let i = first, j = last - 1; i < j; i++, j--) {
      const id = outIds[i]!;
      outIds[i] = outIds[j]!;
      outIds[j] = id;
      const length = outLengths[i]!;
      outLengths[i] = outLengths[j]!;
      outLengths[j] = length;
    }
    count = last;
  }

  /** As `emit`, for what comes behind a settled beginning: there, too, neighbours of the unknown token become one. */
  function emitFurther(end: number): void {
    const first = count;
    emit(end);
    if (ids[first] !== unknown || ids[first - 1] !== unknown) return;
    lengths[first - 1]! += lengths[first]!;
    ids.copyWithin(first, first + 1, count);
    lengths.copyWithin(first, first + 1, count);
    count--;
  }

  /** The last position that every path to a reached position of `[from, to]` goes through. */
  function commonPosition(from: number, to: number): number {
    let common = from;
    for (let position = from + 1; position <= to; position++) {
      if (best[position] === Number.NEGATIVE_INFINITY) continue;
      let other = position;
      while (other !== common) {
        if (other > common) other -= back[other]! & LENGTH_MASK;
        else common -= back[common]! & LENGTH_MASK;
        steps++;
      }
    }
    return common;
  }

  function beginWord(): void {
    nextStart = 0;
    lastCleared = 0;
    best[0] = 0;
    isSettled = false;
  }

  beginWord();
  return {
    get codes() {
      return codes;
    },
    get count() {
      return count;
    },
    get ids() {
      return ids;
    },
    get lengths() {
      return lengths;
    },
    get steps() {
      return steps;
    },

    reset() {
      if (codes.length > KEPT_CODES) {
        codes = new Uint16Array(INITIAL_CODES);
        codePairs = new Uint32Array(codes.buffer);
        best = new Float64Array(INITIAL_CODES + 1);
        back = new Int32Array(INITIAL_CODES + 1);
      }
      if (ids.length > KEPT_CODES) {
        ids = new Uint32Array(INITIAL_CODES);
        lengths = new Uint32Array(INITIAL_CODES);
      }
      count = 0;
      steps = 0;
      beginWord();
      clearKey(codePairs);
    },

    addSpecial(id) {
      reserve(1);
      ids[count] = id;
      lengths[count] = 1;
      count++;
    },

    endWord(length) {
      if (isSettled) {
        relax(length, length);
        emitFurther(length);
        beginWord();
        clearKey(codePairs);
        return;
      }
      const isKey = length <= MAX_KEY_CODES;
      const found = isKey ? cache.find(codePairs) : 0;
      if (found > 0) {
        reserve(MAX_TOKENS);
        cache.copy(ids, lengths, count);
        count += found;
        steps += length;
        clearKey(codePairs);
        return;
      }
      const first = count;
      relax(length, length);
      emit(length);
      if (isKey) cache.store(codePairs, ids, lengths, first, count);
      clearKey(codePairs);
      nextStart = 0;
      lastCleared = 0;
    },

    settle(length) {
      // Every piece that begins before `decided` is known now, so each path has its first position from there on in this window.
      const decided = length - maxPieceLength;
      relax(decided, length);
      const settled = commonPosition(decided, decided + maxPieceLength - 1);
      if (settled < length / 2) {
        const capacity = codes.length * 2;
        codes = grown(codes, capacity);
        codePairs = new Uint32Array(codes.buffer);
        best = grown(best, capacity + 1);
        back = grown(back, capacity + 1);
        return length;
      }
      if (isSettled) emitFurther(settled);
      else emit(settled);
      isSettled = true;
      codes.copyWithin(0, settled, length);
      best.copyWithin(0, settled, length + 1);
      back.copyWithin(0, settled, length + 1);
      steps += length - settled;
      nextStart -= settled;
      lastCleared -= settled;
      return length - settled;
    },
  };
}

function grown<T extends Uint16Array | Uint32Array | Int32Array | Float64Array>(array: T, capacity: number): T {
  const larger = new (array.constructor as new (length: number) => T)(capacity);
  larger.set(array as never);
  return larger;
}
