import { MAX_PIECE_LENGTH, UNIT_HAS_PIECE, UNIT_IS_LEAF, type Vocabulary } from './vocabulary.ts';

/**
 * The way back from ids to pieces: each slot's parent, found by passing over the trie once (3.3 MB for 250,000 pieces, so made on first use).
 *
 * @returns A function that gives the piece of an id.
 */
export function createPieces({ units, check, characterOfCode, vocabularySize }: Vocabulary): (id: number) => string {
  const slotOfPiece = new Uint32Array(vocabularySize);
  const parentOfBase = new Uint32Array(units.length);
  for (let slot = 0; slot < units.length; slot++) {
    if (slot !== 0 && check[slot] === 0) continue;
    const unit = units[slot]!;
    const base = unit >>> 2;
    if ((unit & UNIT_IS_LEAF) !== 0) {
      slotOfPiece[base] = slot;
      continue;
    }
    parentOfBase[base] = slot;
    if ((unit & UNIT_HAS_PIECE) !== 0) slotOfPiece[units[base]! >>> 2] = slot;
  }

  return (id) => {
    let piece = '';
    let slot = slotOfPiece[id]!;
    for (let length = 0; slot !== 0 && length < MAX_PIECE_LENGTH; length++) {
      const code = check[slot]!;
      piece = String.fromCodePoint(characterOfCode[code]!) + piece;
      // Only in a file that was tampered with can there be no such base.
      slot = parentOfBase[slot - code] ?? 0;
    }
    return piece;
  };
}
