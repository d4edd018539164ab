import { ServiceError } from '../errors.ts';

/**
 * `tokenizer.bin`: the vocabulary as the tokenizer uses it, so that reading it is checking it and taking views.
 *
 * Little-endian. A header of `HEADER_FIELDS` (u32 each), then the sections of `planSections`, each at a multiple of 64 bytes with zero bytes in the
 * gaps; the file ends with the last section's padding.
 *
 * **Characters.** Code point c has the entry `pages[pageOfBlock[c >> 7] << 7 | c & 127]`: bits 0-15 a code, or the number of a replacement if
 * `ENTRY_REPLACED` is set; bits 16-20 the grapheme class (`GRAPHEME_CLASSES`); `ENTRY_STARTS_PAIR` if a two-character key begins with it;
 * `ENTRY_SURROGATE` if it is half a surrogate pair. A code
 * numbers the characters that occur in pieces by falling frequency: `SPACE_CODE` is ▁, which is also what the space becomes, 0 is no
 * character, and `codeCount` stands for every character that no piece has.
 *
 * **Replacements** (the normaliser's character map): number r is the codes `pool[poolStart[r]]` to `pool[poolStart[r + 1] - 1]`, maybe none. Pair i
 * replaces the characters `pairFirst[i]`, `pairSecond[i]` by number `pairReplacement[i]`; pairs ascend. `characterOfCode` leads back from a code
 * to the character's code point; U+FFFD for 0 and `codeCount`.
 *
 * **Trie** of the pieces: a double array over codes. Slot 0 is the root. Unit (i32) = base << 2 | `UNIT_HAS_PIECE` | `UNIT_IS_LEAF`. The child of a
 * unit by code c is slot base + c if `check` there is c; no two units have the same base. A leaf's base is its piece's id; the id of a unit
 * with children and a piece is `unit >> 2` of slot base + 0. Slots that no code leads to have check 0. The slots end with room for `codeCount` past the largest base: no look-up needs a bounds test.
 *
 * **Scores** by id: log-probabilities, exactly as float32.
 */
export interface Vocabulary {
  readonly vocabularySize: number;
  readonly special: SpecialIds;
  /** Drop a space after a space, as the normaliser's Replace / {2,}/ does. */
  readonly collapseSpaces: boolean;
  /** The older pipeline, WhitespaceSplit before Metaspace: white space makes no token of its own. */
  readonly splitWhitespace: boolean;
  /** `<mask>` takes the white space on its left with it. */
  readonly maskStripsLeft: boolean;
  readonly codeCount: number;
  /** Characters of the longest piece, at most `MAX_PIECE_LENGTH`. */
  readonly maxPieceLength: number;
  /** Score of a character that is no piece: 10 less than the lowest score, as in SentencePiece. */
  readonly unknownScore: number;
  readonly pageOfBlock: Uint16Array;
  readonly pages: Uint32Array;
  readonly poolStart: Uint32Array;
  readonly pool: Uint16Array;
  readonly pairFirst: Uint32Array;
  readonly pairSecond: Uint32Array;
  readonly pairReplacement: Uint16Array;
  readonly characterOfCode: Uint32Array;
  readonly units: Int32Array;
  readonly check: Uint16Array;
  readonly scores: Float32Array;
}

export interface SpecialIds {
  readonly bos: number;
  readonly pad: number;
  readonly eos: number;
  readonly unknown: number;
  readonly mask: number;
}

/** The literals that stand for the special tokens, in raw text as in the vocabulary. */
export const SPECIAL_TEXTS: Readonly<Record<keyof SpecialIds, string>> = {
  bos: '<s>',
  pad: '<pad>',
  eos: '</s>',
  unknown: '<unk>',
  mask: '<mask>',
};

export const MAGIC = 0x4b54334d; // "M3TK"
export const VERSION = 1;
export const SPACE_CODE = 1;
export const ENTRY_STARTS_PAIR = 1 << 21;
export const ENTRY_REPLACED = 1 << 22;
export const ENTRY_SURROGATE = 1 << 23;
export const ENTRY_CLASS_SHIFT = 16;
export const ENTRY_VALUE = 0xffff;
export const UNIT_IS_LEAF = 1;
export const UNIT_HAS_PIECE = 2;
export const PAGE_BITS = 7;
const LAST_CODE_POINT = 0x10ffff;
export const BLOCK_COUNT = (LAST_CODE_POINT + 1) >> PAGE_BITS;
/** Five bits of a back-pointer hold the length of its piece. XLM-R's longest has 16 characters. */
export const MAX_PIECE_LENGTH = 31;
/** Well above any encoder's, and small enough for the 27 bits that a back-pointer has for an id. */
const MAX_VOCABULARY_SIZE = 1 << 22;
export const UNKNOWN_PENALTY = 10;

export const FLAG_COLLAPSE_SPACES = 1;
export const FLAG_SPLIT_WHITESPACE = 2;
export const FLAG_MASK_STRIPS_LEFT = 4;
const KNOWN_FLAGS = FLAG_COLLAPSE_SPACES | FLAG_SPLIT_WHITESPACE | FLAG_MASK_STRIPS_LEFT;

/** The header's u32 fields, in order. */
export const HEADER_FIELDS = [
  'magic',
  'version',
  'byteLength',
  'flags',
  'vocabularySize',
  'bos',
  'pad',
  'eos',
  'unknown',
  'mask',
  'codeCount',
  'maxPieceLength',
  'pageCount',
  'replacementCount',
  'poolLength',
  'pairCount',
  'slotCount',
] as const;

export type Header = Readonly<Record<(typeof HEADER_FIELDS)[number], number>>;

const SECTION_ALIGNMENT = 64;
/** A file is at most 24 MiB; no count in it can be more. */
const MAX_COUNT = 24 << 20;

type SectionArray = Uint16ArrayConstructor | Uint32ArrayConstructor | Int32ArrayConstructor | Float32ArrayConstructor;

/** Where each section begins, by the counts of the header. */
export function planSections(counts: Omit<Header, 'magic' | 'version' | 'byteLength' | 'flags'>) {
  let end = HEADER_FIELDS.length * 4;
  const section = <Type extends SectionArray>(type: Type, length: number) => {
    const offset = Math.ceil(end / SECTION_ALIGNMENT) * SECTION_ALIGNMENT;
    end = offset + length * type.BYTES_PER_ELEMENT;
    return { type, offset, length };
  };
  const sections = {
    scores: section(Float32Array, counts.vocabularySize),
    units: section(Int32Array, counts.slotCount),
    check: section(Uint16Array, counts.slotCount),
    pageOfBlock: section(Uint16Array, BLOCK_COUNT),
    pages: section(Uint32Array, counts.pageCount << PAGE_BITS),
    poolStart: section(Uint32Array, counts.replacementCount + 1),
    pool: section(Uint16Array, counts.poolLength),
    pairFirst: section(Uint32Array, counts.pairCount),
    pairSecond: section(Uint32Array, counts.pairCount),
    pairReplacement: section(Uint16Array, counts.pairCount),
    characterOfCode: section(Uint32Array, counts.codeCount + 1),
  };
  return { sections, byteLength: Math.ceil(end / SECTION_ALIGNMENT) * SECTION_ALIGNMENT };
}

/**
 * Reads `tokenizer.bin`. Nothing in it is trusted: afterwards every index that the tokenizer's loops follow is inside its array.
 *
 * @param bytes The whole file. The views share its memory, which must not change; only if it does not begin at a multiple of 4 is it copied.
 * @throws ServiceError `model_shard_corrupt`, naming what is wrong.
 */
export function parseVocabulary(bytes: Uint8Array): Vocabulary {
  const file = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const header = parseHeader(file);
  const { sections, byteLength } = planSections(header);
  if (header.byteLength !== byteLength || file.byteLength !== byteLength) {
    throw corrupt(`${file.byteLength} bytes, the header says ${header.byteLength}, its sections need ${byteLength}`);
  }
  const { buffer, byteOffset } = file;
  const u16 = ({ offset, length }: { offset: number; length: number }) =>
    new Uint16Array(buffer, byteOffset + offset, length);
  const u32 = ({ offset, length }: { offset: number; length: number }) =>
    new Uint32Array(buffer, byteOffset + offset, length);
  const scores = new Float32Array(buffer, byteOffset + sections.scores.offset, sections.scores.length);
  const vocabulary: Vocabulary = {
    vocabularySize: header.vocabularySize,
    special: { bos: header.bos, pad: header.pad, eos: header.eos, unknown: header.unknown, mask: header.mask },
    collapseSpaces: (header.flags & FLAG_COLLAPSE_SPACES) !== 0,
    splitWhitespace: (header.flags & FLAG_SPLIT_WHITESPACE) !== 0,
    maskStripsLeft: (header.flags & FLAG_MASK_STRIPS_LEFT) !== 0,
    codeCount: header.codeCount,
    maxPieceLength: header.maxPieceLength,
    unknownScore: lowestScore(scores) - UNKNOWN_PENALTY,
    pageOfBlock: u16(sections.pageOfBlock),
    pages: u32(sections.pages),
    poolStart: u32(sections.poolStart),
    pool: u16(sections.pool),
    pairFirst: u32(sections.pairFirst),
    pairSecond: u32(sections.pairSecond),
    pairReplacement: u16(sections.pairReplacement),
    characterOfCode: u32(sections.characterOfCode),
    units: new Int32Array(buffer, byteOffset + sections.units.offset, sections.units.length),
    check: u16(sections.check),
    scores,
  };
  checkCharacters(vocabulary, header);
  checkTrie(vocabulary);
  return vocabulary;
}

function parseHeader(file: Uint8Array): Header {
  if (file.byteLength < HEADER_FIELDS.length * 4) throw corrupt(`${file.byteLength} bytes are less than a header`);
  const words = new Uint32Array(file.buffer, file.byteOffset, HEADER_FIELDS.length);
  const header = Object.fromEntries(HEADER_FIELDS.map((name, index) => [name, words[index]!])) as Header;
  if (header.magic !== MAGIC) throw corrupt('does not begin with "M3TK"');
  if (header.version !== VERSION) throw corrupt(`version ${header.version}, this code reads ${VERSION}`);
  if ((header.flags & ~KNOWN_FLAGS) !== 0) throw corrupt(`flags ${header.flags} has unknown bits`);
  within(header, 'vocabularySize', 1, MAX_VOCABULARY_SIZE);
  for (const name of ['bos', 'pad', 'eos', 'unknown', 'mask'] as const)
    within(header, name, 0, header.vocabularySize - 1);
  within(header, 'codeCount', SPACE_CODE + 1, ENTRY_VALUE);
  within(header, 'maxPieceLength', 1, MAX_PIECE_LENGTH);
  within(header, 'pageCount', 1, BLOCK_COUNT);
  within(header, 'replacementCount', 0, ENTRY_VALUE + 1);
  within(header, 'poolLength', 0, MAX_COUNT);
  within(header, 'pairCount', 0, MAX_COUNT);
  within(header, 'slotCount', 1, MAX_COUNT);
  return header;
}

function within(header: Header, name: keyof Header, low: number, high: number): void {
  if (header[name] < low || header[name] > high) throw corrupt(`${name} is ${header[name]}, not ${low} to ${high}`);
}

function lowestScore(scores: Float32Array): number {
  let lowest = Number.POSITIVE_INFINITY;
  let sum = 0;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id]!;
    sum += score;
    if (score < lowest) lowest = score;
  }
  // Finite float32 values cannot overflow the float64 sum, and a NaN or an infinity cannot leave it.
  if (!Number.isFinite(sum)) throw corrupt('a score is not a finite number');
  return lowest;
}

function checkCharacters(vocabulary: Vocabulary, header: Header): void {
  const { pageOfBlock, pages, poolStart, pool, pairReplacement, characterOfCode, codeCount } = vocabulary;
  const { replacementCount } = header;
  for (let block = 0; block < pageOfBlock.length; block++) {
    if (pageOfBlock[block]! >= header.pageCount) throw corrupt(`block ${block} of the characters has no page`);
  }
  for (let i = 0; i < pages.length; i++) {
    const entry = pages[i]!;
    const value = entry & ENTRY_VALUE;
    const isInside =
      (entry & ENTRY_REPLACED) === 0 ? value >= SPACE_CODE && value <= codeCount : value < replacementCount;
    if (!isInside) throw corrupt(`character entry ${i} points outside`);
  }
  if (poolStart[0] !== 0 || poolStart[replacementCount] !== pool.length)
    throw corrupt('replacements do not fill the pool');
  for (let r = 0; r < replacementCount; r++) {
    if (poolStart[r]! > poolStart[r + 1]!) throw corrupt(`replacement ${r} ends before it begins`);
  }
  for (let i = 0; i < pool.length; i++) {
    if (pool[i]! < SPACE_CODE || pool[i]! > codeCount) throw corrupt(`code ${i} of the replacements is not one`);
  }
  for (let i = 0; i < pairReplacement.length; i++) {
    if (pairReplacement[i]! >= replacementCount) throw corrupt(`pair ${i} has no replacement`);
  }
  for (let code = 0; code < characterOfCode.length; code++) {
    if (characterOfCode[code]! > LAST_CODE_POINT) throw corrupt(`code ${code} stands for no character`);
  }
}

function checkTrie({ units, check, codeCount, vocabularySize }: Vocabulary): void {
  if ((units[0]! & UNIT_IS_LEAF) !== 0) throw corrupt('the trie has no pieces');
  const largestBase = units.length - 1 - codeCount;
  const isId = (value: number) => value >= 0 && value < vocabularySize;
  for (let slot = 0; slot < units.length; slot++) {
    if (slot !== 0 && check[slot] === 0) continue; // free, or the id of a piece with children: not reached by a code
    const unit = units[slot]!;
    const base = unit >> 2;
    const isLeaf = (unit & UNIT_IS_LEAF) !== 0;
    const idSlot = isLeaf ? slot : base;
    const isInside =
      base >= 0 &&
      (isLeaf || base <= largestBase) &&
      ((unit & (UNIT_HAS_PIECE | UNIT_IS_LEAF)) === 0 || isId(units[idSlot]! >> 2));
    if (!isInside) throw corrupt(`slot ${slot} of the trie points outside`);
  }
}

function corrupt(reason: string): ServiceError {
  return new ServiceError('model_shard_corrupt', `tokenizer.bin: ${reason}; convert the model again`);
}
