import type { Pipeline } from '../tokenizer/pipeline.ts';
import {
  BOS,
  BOS_VALUE,
  BREAK,
  BREAK_VALUE,
  CODE_SIZE,
  FREQUENCIES,
  HIDDEN_SIZE,
  LETTER_VALUE,
  LETTERS,
  MAX_TOKENS,
  POSITION,
  POSITION_ENERGY,
  POSITION_OFFSET,
  REST,
  setPair,
} from './channels.ts';
import { createRandom, shuffle } from './random.ts';

/** Scripts that put no space between words: where one begins is not known, so each piece is taken for a word. */
const UNSPACED = /[\p{Script=Han}\p{Script=Thai}]/u;
const UNSPACED_LETTERS = 4;
const HANGUL = /\p{Script=Hangul}/u;
/** Letters of a syllable. */
const HANGUL_LETTERS = 2.5;
const WORD = /^[\p{L}\p{M}\p{N}]+$/u;
/** A longer piece tells no more. */
const MAX_LETTERS = 5;

/**
 * Word rows: a random code of equally many +a and -a, which depends on the piece's text alone, then the pairs. Every row has mean 0 and, with its
 * position row, variance 1, so that LayerNorm leaves it as it is.
 */
export function wordRows({ pieces, special }: Pipeline): Float32Array {
  const rows = new Float32Array(pieces.length * HIDDEN_SIZE);
  const specials = new Set<number>(Object.values(special));
  for (const [id, { text }] of pieces.entries()) {
    const row = rows.subarray(id * HIDDEN_SIZE, (id + 1) * HIDDEN_SIZE);
    const letters = specials.has(id) ? 0 : lettersOf(text);
    setPair(row, LETTERS, LETTER_VALUE * letters);
    if (letters === 0 || UNSPACED.test(text)) setPair(row, BREAK, BREAK_VALUE);
    if (id === special.bos) setPair(row, BOS, BOS_VALUE);
    const energy = HIDDEN_SIZE - POSITION_ENERGY - row.reduce((sum, value) => sum + value * value, 0);
    if (specials.has(id) && id !== special.bos) setPair(row, REST, Math.sqrt(energy / 2));
    else setCode(row, text, Math.sqrt(energy / CODE_SIZE));
  }
  return rows;
}

/** How much a piece tells: its letters, or what stands for them; 0 for signs and spaces. */
function lettersOf(text: string): number {
  if (!WORD.test(text)) return 0;
  if (UNSPACED.test(text)) return UNSPACED_LETTERS;
  return Math.min([...text].length * (HANGUL.test(text) ? HANGUL_LETTERS : 1), MAX_LETTERS);
}

function setCode(row: Float32Array, text: string, amplitude: number): void {
  const order = shuffle(CODE_SIZE, createRandom(hashOf(text)));
  for (const [place, channel] of order.entries()) row[channel] = place < CODE_SIZE / 2 ? amplitude : -amplitude;
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
