import {
  ENTRY_VALUE,
  FLAG_COLLAPSE_SPACES,
  FLAG_MASK_STRIPS_LEFT,
  FLAG_SPLIT_WHITESPACE,
  HEADER_FIELDS,
  type Header,
  MAGIC,
  MAX_PIECE_LENGTH,
  PAGE_BITS,
  parseVocabulary,
  planSections,
  VERSION,
} from '../../src/tokenizer/vocabulary.ts';
import { UserError } from '../user-error.ts';
import { assignCodes, buildCharacterTables } from './characters.ts';
import { parseCharsmap } from './charsmap.ts';
import type { Pipeline } from './pipeline.ts';
import { readSentencepiece } from './sentencepiece.ts';
import { readTokenizerJson } from './tokenizer-json.ts';
import { buildTrie } from './trie.ts';

/** A published tokenizer. `tokenizer.json` is the better one: it says its pipeline, a SentencePiece model is taken to have BGE-M3's. */
export type TokenizerSource =
  | { readonly kind: 'tokenizer.json'; readonly json: unknown }
  | { readonly kind: 'sentencepiece'; readonly bytes: Uint8Array };

/**
 * Makes `tokenizer.bin` (described in src/tokenizer/vocabulary.ts). The same source gives the same bytes.
 *
 * @throws UserError if the source is damaged or its pipeline is another one, naming the field and the fix.
 */
export function buildVocabulary(source: TokenizerSource): Uint8Array {
  return buildVocabularyOf(
    source.kind === 'tokenizer.json' ? readTokenizerJson(source.json) : readSentencepiece(source.bytes),
  );
}

/** As `buildVocabulary`, of a pipeline that has been read, or made. */
export function buildVocabularyOf(pipeline: Pipeline): Uint8Array {
  const maxPieceLength = checkPieces(pipeline.pieces);
  const codes = assignCodes(pipeline.pieces);
  const codeCount = codes.size + 1;
  if (codeCount > ENTRY_VALUE)
    throw new UserError(`the tokenizer's pieces have ${codes.size} different characters; ${FIX}`);
  const entries = pipeline.pieces.map(({ text }, id) => ({
    codes: Array.from(text, (c) => String.fromCharCode(codes.get(c)!)).join(''),
    id,
  }));
  const trie = buildTrie(entries, codeCount);
  const characters = buildCharacterTables(parseCharsmap(pipeline.charsmap), codes, codeCount, pipeline.splitWhitespace);
  const bytes = writeSections(
    pipeline,
    { codeCount, maxPieceLength },
    {
      ...characters,
      ...trie,
      characterOfCode: charactersByCode(codes, codeCount),
      scores: Float32Array.from(pipeline.pieces, (piece) => piece.score),
    },
  );
  parseVocabulary(bytes);
  return bytes;
}

const FIX = 'take the tokenizer of BAAI/bge-m3 or of the XLM-R model that was tuned';

/** @returns Characters of the longest piece. */
function checkPieces(pieces: Pipeline['pieces']): number {
  const seen = new Map<string, number>();
  let longest = 0;
  pieces.forEach(({ text, score }, id) => {
    const wrong = (reason: string) => new UserError(`the tokenizer's piece ${id} ${reason}; ${FIX}`);
    const length = text.length > 2 * MAX_PIECE_LENGTH ? text.length : Array.from(text).length;
    if (length === 0 || length > MAX_PIECE_LENGTH)
      throw wrong(`has ${length} characters, not 1 to ${MAX_PIECE_LENGTH}`);
    if (!text.isWellFormed()) throw wrong('holds half a surrogate pair');
    if (seen.has(text)) throw wrong(`is piece ${seen.get(text)} again`);
    if (Math.fround(score) !== score || !Number.isFinite(score)) throw wrong(`has the score ${score}, not a float32`);
    if (score > 0) throw wrong(`has the score ${score}, which is no log-probability`);
    seen.set(text, id);
    longest = Math.max(longest, length);
  });
  return longest;
}

function charactersByCode(codes: ReadonlyMap<string, number>, codeCount: number): Uint32Array {
  const characters = new Uint32Array(codeCount + 1).fill(0xfffd);
  for (const [c, code] of codes) characters[code] = c.codePointAt(0)!;
  return characters;
}

type Sections = Record<
  keyof ReturnType<typeof planSections>['sections'],
  Uint16Array | Uint32Array | Int32Array | Float32Array
>;

function writeSections(
  pipeline: Pipeline,
  counts: Pick<Header, 'codeCount' | 'maxPieceLength'>,
  sections: Sections,
): Uint8Array {
  const sized = {
    ...counts,
    ...pipeline.special,
    vocabularySize: pipeline.pieces.length,
    pageCount: sections.pages.length >> PAGE_BITS,
    replacementCount: sections.poolStart.length - 1,
    poolLength: sections.pool.length,
    pairCount: sections.pairFirst.length,
    slotCount: sections.units.length,
  };
  const plan = planSections(sized);
  const header: Header = {
    ...sized,
    magic: MAGIC,
    version: VERSION,
    byteLength: plan.byteLength,
    flags:
      (pipeline.collapseSpaces ? FLAG_COLLAPSE_SPACES : 0) |
      (pipeline.splitWhitespace ? FLAG_SPLIT_WHITESPACE : 0) |
      (pipeline.maskStripsLeft ? FLAG_MASK_STRIPS_LEFT : 0),
  };
  const bytes = new Uint8Array(plan.byteLength);
  new Uint32Array(bytes.buffer, 0, HEADER_FIELDS.length).set(HEADER_FIELDS.map((name) => header[name]));
  for (const name of Object.keys(plan.sections) as (keyof Sections)[]) {
    const { buffer, byteOffset, byteLength } = sections[name];
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), plan.sections[name].offset);
  }
  return bytes;
}
