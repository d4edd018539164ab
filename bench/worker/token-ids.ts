const VOCABULARY = 250002;
/** Word rows that the engine keeps in memory: the first 64 pages of 64 (engine/memory-plan.ts). */
const HOT_ROWS = 4096;
/** With it, r^5.4 of the vocabulary has 53, 69 and 89 % of ids below 8,192, 32,768 and 131,072; text of 12 languages 53, 71 and 92 %. */
const ZIPF_POWER = 5.4;

/** The same ids for the same count; with `hot`, rows that are read once and kept. */
export function createTokenIds(tokens: number, hot: boolean): Uint32Array {
  let state = tokens;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
  return Uint32Array.from({ length: tokens }, () =>
    Math.floor(hot ? random() * HOT_ROWS : random() ** ZIPF_POWER * VOCABULARY),
  );
}
