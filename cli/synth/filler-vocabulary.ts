import { readFileSync } from 'node:fs';
import type { Piece, Pipeline } from '../tokenizer/pipeline.ts';
import { readSentencepiece } from '../tokenizer/sentencepiece.ts';

const LETTERS = 'etaoinshrdlcumwfgypbvkjxqz';

/**
 * The demo's 8,000 pieces and runs of Latin letters up to `size`, `<mask>` last: text that is made of letters then has ids all over the table, as
 * real text has in XLM-R's.
 */
export function fillerPipeline(size: number): Pipeline {
  const source = new URL('../demo/micro-spm.model', import.meta.url);
  const pipeline = readSentencepiece(new Uint8Array(readFileSync(source)));
  const own = pipeline.pieces.slice(0, pipeline.special.mask);
  const mask = pipeline.pieces[pipeline.special.mask]!;
  const pieces: Piece[] = [...own];
  const taken = new Set(pipeline.pieces.map(({ text }) => text));
  for (const text of letterRuns()) {
    if (pieces.length === size - 1) break;
    if (!taken.has(text)) pieces.push({ text, score: Math.fround(-10 - (4 * pieces.length) / size) });
  }
  return { ...pipeline, pieces: [...pieces, mask], special: { ...pipeline.special, mask: size - 1 } };
}

/** Runs of three letters, then of four, each with and without the mark of a word's beginning. */
export function* letterRuns(): Generator<string> {
  for (const length of [3, 4]) {
    for (let i = 0; i < LETTERS.length ** length; i++) {
      let run = '';
      for (let rest = i, at = 0; at < length; at++, rest = Math.floor(rest / LETTERS.length)) {
        run += LETTERS[rest % LETTERS.length];
      }
      yield run;
      yield `▁${run}`;
    }
  }
}
