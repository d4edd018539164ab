import type { Piece, Pipeline } from '../tokenizer/pipeline.ts';
import {
  BOS,
  BOS_VALUE,
  CODE_SIZE,
  FREQUENCIES,
  HIDDEN_SIZE,
  MAX_TOKENS,
  POSITION,
  POSITION_ENERGY,
  POSITION_OFFSET,
  RARITY,
  RARITY_VALUE,
  REST,
  START_VALUE,
  setPair,
  WORD_START,
} from './channels.ts';
import { createRandom, shuffle } from './random.ts';

const MARK = '▁';
const HAN = /\p{Script=Han}/u;
const SIGNS = /^[\p{P}\p{S}]*$/u;

/**
 * Word rows: a random code of equally many +a and -a, which depends on the piece's letters alone, then the pairs. Every row has mean 0 and, with
 * its position row, variance 1, so that LayerNorm leaves it as it is.
 */
export function wordRows({ pieces, special }: Pipeline): Float32Array {
  const rows = new Float32Array(pieces.length * HIDDEN_SIZE);
  const specials = new Set<number>(Object.values(special));
  for (const [id, piece] of pieces.entries()) {
    const row = rows.subarray(id * HIDDEN_SIZE, (id + 1) * HIDDEN_SIZE);
    const isSpecial = specials.has(id);
    // A Han character is a word of its own: its neighbours in a text are not those in a query.
    if (isSpecial || piece.text.startsWith(MARK) || HAN.test(piece.text)) setPair(row, WORD_START, START_VALUE);
    if (!isSpecial) setPair(row, RARITY, RARITY_VALUE * rarityOf(piece));
    if (id === special.bos) setPair(row, BOS, BOS_VALUE);
    const energy = HIDDEN_SIZE - POSITION_ENERGY - row.reduce((sum, value) => sum + value * value, 0);
    if (isSpecial && id !== special.bos) setPair(row, REST, Math.sqrt(energy / 2));
    else setCode(row, piece.text, Math.sqrt(energy / CODE_SIZE));
  }
  return rows;
}

function setCode(row: Float32Array, text: string, amplitude: number): void {
  const order = shuffle(CODE_SIZE, createRandom(hashOf(text.replaceAll(MARK, '') || MARK)));
  for (const [place, channel] of order.entries()) row[channel] = place < CODE_SIZE / 2 ? amplitude : -amplitude;
}

/** 0 for signs, towards 1 the less likely a piece is and the more letters it has; a guess, as no corpus stands behind it. */
export function rarityOf({ text, score }: Piece): number {
  const letters = text.replaceAll(MARK, '');
  if (SIGNS.test(letters)) return 0;
  if (HAN.test(letters)) return clamp(0.55 - 0.09 * (score + 10), 0.1, 1);
  const length = Math.min([...letters].length, 4);
  const unlikely = clamp((-score - 4) / 9, 0, 1);
  return clamp(0.25 * unlikely + 0.0875 * length + (length >= 3 ? 0.4 : 0.16) * unlikely, 0, 1);
}

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

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
