import type { Pipeline } from '../tokenizer/pipeline.ts';
import {
  BOS,
  BOS_VALUE,
  BREAK,
  BREAK_VALUE,
  CODE_SIZE,
  CODE_VALUE,
  FREQUENCIES,
  HIDDEN_SIZE,
  LETTER_VALUE,
  LETTERS,
  MAX_TOKENS,
  MOST_STEPS,
  POSITION,
  POSITION_ENERGY,
  POSITION_OFFSET,
  REST,
  STEP,
  setPair,
  UNSPACED,
  UNSPACED_VALUE,
} from './channels.ts';
import { createRandom, shuffle } from './random.ts';

/** Scripts that put no space between words: where one begins is not known, so each piece is taken for a word. */
const UNSPACED_SCRIPT = /[\p{Script=Han}\p{Script=Thai}]/u;
const UNSPACED_LETTERS = 4;
/** Of a word that many texts have. */
const COMMON_LETTERS = 0;
/** Of signs and spaces: below all words. */
const NO_LETTERS = -7;
const HANGUL = /\p{Script=Hangul}/u;
/** Letters of a syllable. */
const HANGUL_LETTERS = 3;
const WORD = /^[\p{L}\p{M}\p{N}]+$/u;
/** A longer piece tells no more. */
const MAX_LETTERS = 5;

/**
 * Word rows: a random code of equally many +1 and -1, which depends on the piece's text alone, then the pairs. Every row has mean 0 and, with its
 * position row, a variance near 1, so that LayerNorm leaves it nearly as it is.
 */
export function wordRows({ pieces, special }: Pipeline, common: ReadonlySet<string>): Float32Array {
  const rows = new Float32Array(pieces.length * HIDDEN_SIZE);
  const specials = new Set<number>(Object.values(special));
  for (const [id, { text }] of pieces.entries()) {
    const row = rows.subarray(id * HIDDEN_SIZE, (id + 1) * HIDDEN_SIZE);
    if (id === special.bos) {
      setPair(row, BOS, BOS_VALUE);
      setPair(row, BREAK, BREAK_VALUE);
      setCode(row, text);
    } else if (specials.has(id)) {
      // no code: a break of one step, and all else in REST
      const rest = Math.sqrt((HIDDEN_SIZE - POSITION_ENERGY) / 2 / (1 + MOST_STEPS ** -2));
      setPair(row, REST, rest);
      setPair(row, BREAK, rest / MOST_STEPS);
    } else {
      const letters = common.has(text) ? COMMON_LETTERS : lettersOf(text);
      const isUnspaced = letters !== NO_LETTERS && UNSPACED_SCRIPT.test(text);
      setPair(row, LETTERS, LETTER_VALUE * letters);
      if (letters === NO_LETTERS || isUnspaced) setPair(row, BREAK, BREAK_VALUE);
      if (isUnspaced) setPair(row, UNSPACED, UNSPACED_VALUE);
      setPair(row, REST, MOST_STEPS * STEP);
      setCode(row, text);
    }
  }
  return rows;
}

/** How much a piece tells: its letters, or what stands for them; 0 for signs and spaces. */
function lettersOf(text: string): number {
  if (!WORD.test(text)) return NO_LETTERS;
  if (UNSPACED_SCRIPT.test(text)) return UNSPACED_LETTERS;
  return Math.min([...text].length * (HANGUL.test(text) ? HANGUL_LETTERS : 1), MAX_LETTERS);
}

function setCode(row: Float32Array, text: string): void {
  const order = shuffle(CODE_SIZE, createRandom(hashOf(text)));
  for (const [place, channel] of order.entries()) row[channel] = place < CODE_SIZE / 2 ? CODE_VALUE : -CODE_VALUE;
}

/** `<s>` stands at the first position, which has no direction: nothing may take it for a neighbour. */
export function positionRows(): Float32Array {
  const rowCount = MAX_TOKENS + POSITION_OFFSET;
  const rows = new Float32Array(rowCount * HIDDEN_SIZE);
  for (let position = 0; position < rowCount; position++) {
    const row = rows.subarray(position * HIDDEN_SIZE, (position + 1) * HIDDEN_SIZE);
    if (position === POSITION_OFFSET) {
      setPair(row, REST, Math.sqrt(POSITION_ENERGY / 2));
      continue;
    }
    for (const [i, frequency] of FREQUENCIES.entries()) {
      const [cos, sin] = [Math.cos(frequency * position), Math.sin(frequency * position)];
      row.set([cos, sin, -cos, -sin], POSITION + 4 * i);
    }
  }
  return rows;
}

/** FNV-1a over code points. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
  return hash;
}
