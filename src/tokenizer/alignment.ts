import { codePointAt, utf8Length } from './normalizer.ts';

/**
 * Where each code that the normaliser writes comes from, in UTF-8 bytes of the text, as `tokenizers`' NormalizedString has it. Characters and
 * the codes that replace them stand for each other one by one; codes too many come from the last character. Characters too many belong to no
 * code, but a replacement by nothing ends the code before it, and at the beginning of a part is not passed over at all: what follows is said
 * to come from earlier characters.
 */
export interface Alignment {
  /** Of each code written since `reset`, and of each special token: its first byte and the one behind its last. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  reset(text: string): void;
  /** Begins a part of the text, in UTF-16 units. Parts come in the order of the text. */
  startPart(from: number): void;
  /** So many characters are replaced by so many codes. */
  replace(characterCount: number, codeCount: number): void;
  /** The next code of the replacement is current. */
  next(): void;
  /** The current code is written, maybe with a ▁ before it. */
  write(): void;
  /** The current code is a space that is dropped, as one is written already: the later one counts. */
  rewrite(): void;
  /** A special token, in UTF-16 units. */
  writeSpecial(from: number, to: number): void;
}

const INITIAL_CODES = 4096;
/** Buffers grown beyond it are dropped when the next text comes. */
const KEPT_CODES = 64 * 1024;

export function createAlignment(): Alignment {
  let starts = new Uint32Array(INITIAL_CODES);
  let ends = new Uint32Array(INITIAL_CODES);
  let count = 0;
  let text = '';
  // The same place in UTF-16 units and in bytes.
  let unit = 0;
  let byte = 0;
  /** Of the current code; `written` codes at the end have it. */
  let start = 0;
  let end = 0;
  let written = 0;
  let charactersLeft = 0;
  let codesLeft = 0;
  let hasCode = false;
  /** The current code stands for no character of its own. */
  let isAdded = false;

  function passCharacters(characterCount: number): void {
    for (let i = 0; i < characterCount; i++) {
      const c = codePointAt(text, unit, text.length);
      unit += c > 0xffff ? 2 : 1;
      byte += utf8Length(c);
    }
  }

  function passOne(): void {
    start = byte;
    passCharacters(1);
    end = byte;
  }

  function seek(to: number): void {
    while (unit < to) passCharacters(1);
  }

  function put(from: number, to: number): void {
    if (count === starts.length) {
      starts = doubled(starts);
      ends = doubled(ends);
    }
    starts[count] = from;
    ends[count] = to;
    count++;
  }

  return {
    get starts() {
      return starts;
    },
    get ends() {
      return ends;
    },

    reset(newText) {
      if (starts.length > KEPT_CODES) {
        starts = new Uint32Array(INITIAL_CODES);
        ends = new Uint32Array(INITIAL_CODES);
      }
      text = newText;
      unit = byte = count = 0;
    },

    startPart(from) {
      seek(from);
      hasCode = false;
    },

    replace(characterCount, codeCount) {
      charactersLeft = characterCount;
      codesLeft = codeCount;
      if (codeCount > 0 || !hasCode) return;
      if (isAdded) {
        passOne();
        passCharacters(characterCount - 1);
        isAdded = false;
        starts.fill(start, count - written, count);
        ends.fill(end, count - written, count);
      } else {
        passCharacters(characterCount);
      }
    },

    next() {
      hasCode = true;
      written = 0;
      isAdded = charactersLeft === 0;
      if (!isAdded) {
        passOne();
        charactersLeft--;
      }
      codesLeft--;
      if (codesLeft === 0) {
        passCharacters(charactersLeft);
        charactersLeft = 0;
      }
    },

    write() {
      put(start, end);
      written++;
    },

    rewrite() {
      starts[count - 1] = start;
      ends[count - 1] = end;
      written = 1;
    },

    writeSpecial(from, to) {
      seek(from);
      const first = byte;
      seek(to);
      put(first, byte);
    },
  };
}

function doubled(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}
