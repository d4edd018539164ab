import { UserError } from '../user-error.ts';

/**
 * Keys longer than this can never be used: a key is looked up in a grapheme cluster of fewer than 6 bytes, or in a single character.
 */
const LONGEST_KEY_BYTES = 5;
/** XLM-R's map has 224,711 keys, all of them together less than a million steps; a trie whose branches meet again could have 256^5. */
const MAX_STEPS = 4_000_000;

/**
 * Reads SentencePiece's `precompiled_charsmap`: the length of a darts-clone trie over UTF-8 bytes, the trie, then the replacements, each with a
 * NUL after it.
 *
 * @returns Replacement by key, for every key that a text can match.
 * @throws UserError if the map is not one.
 */
export function parseCharsmap(bytes: Uint8Array): Map<string, string> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const trieBytes = bytes.byteLength >= 4 ? view.getUint32(0, true) : 0;
  if (trieBytes === 0 || trieBytes % 4 !== 0 || trieBytes > bytes.byteLength - 4) {
    throw damaged(`its trie has ${trieBytes} of ${bytes.byteLength} bytes`);
  }
  const unitCount = trieBytes / 4;
  const texts = bytes.subarray(4 + trieBytes);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  const unitAt = (position: number): number => {
    if (position >= unitCount) throw damaged(`its trie points at unit ${position} of ${unitCount}`);
    return view.getUint32(4 + position * 4, true);
  };
  const decode = (encoded: Uint8Array, what: string): string => {
    try {
      return decoder.decode(encoded);
    } catch {
      throw damaged(`${what} is not UTF-8`);
    }
  };
  const replacementAt = (offset: number): string => {
    const end = texts.indexOf(0, offset);
    if (offset >= texts.length || end < 0) throw damaged(`a replacement at ${offset} does not end`);
    return decode(texts.subarray(offset, end), 'a replacement');
  };

  const map = new Map<string, string>();
  const key = new Uint8Array(LONGEST_KEY_BYTES);
  let steps = 0;
  const visit = (base: number, depth: number): void => {
    // Byte 0 is the place of a node's value, so a key cannot hold it.
    for (let byte = 1; byte < 256; byte++) {
      const position = base ^ byte;
      if (position >= unitCount) continue;
      const unit = unitAt(position);
      if (labelOf(unit) !== byte) continue;
      if (++steps > MAX_STEPS) throw damaged('it has too many keys');
      key[depth] = byte;
      const childBase = position ^ offsetOf(unit);
      if (hasValue(unit)) {
        map.set(decode(key.subarray(0, depth + 1), 'a key'), replacementAt(unitAt(childBase) & 0x7fffffff));
      }
      if (depth + 1 < LONGEST_KEY_BYTES) visit(childBase, depth + 1);
    }
  };
  visit(offsetOf(unitAt(0)), 0);
  return map;
}

// The layout of darts-clone's units.
const labelOf = (unit: number) => (unit & 0x800000ff) >>> 0;
const hasValue = (unit: number) => ((unit >>> 8) & 1) === 1;
const offsetOf = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6);

function damaged(reason: string): UserError {
  return new UserError(`precompiled_charsmap: ${reason}; download the tokenizer again`);
}
