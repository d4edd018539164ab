import { growTo, type Kernel } from './kernel.ts';

/** As `maxSim` of `src/scoring`, of one width. */
export type MaxSim = (query: Float32Array, passage: Float32Array) => number;

/** Query rows held at once: of 1,024 numbers 256 KiB, which stay in L2 while the passage goes by. */
const QUERY_ROWS = 32;
/** Passage rows that go by together: one register tile. */
const PASSAGE_ROWS = 4;

/** What `createMaxSim` takes of the kernel's memory, whatever the texts. */
export const maxSimBytes = (width: number): number => planTile(0, width).end;

/** Byte addresses of a tile's parts, the widest numbers first. */
function planTile(address: number, width: number) {
  const panel = address + 8 * QUERY_ROWS * width;
  const best = panel + 8 * PASSAGE_ROWS * width;
  const passages = best + 16 * QUERY_ROWS;
  return { queries: address, panel, best, passages, end: passages + 4 * PASSAGE_ROWS * width };
}

/**
 * `maxSim` by the kernel, with the same bits. It does not wait, and touches nothing but its own tile: a pass that is under way does not notice.
 *
 * @param address Of `maxSimBytes(width)` bytes that are its own, a multiple of 8.
 * @param width A multiple of 4.
 * @throws ServiceError `budget_exceeded` where the memory cannot grow so far.
 */
export function createMaxSim(kernel: Kernel, address: number, width: number): MaxSim {
  const tile = planTile(address, width);
  return (query, passage) => {
    if (query.length === 0 || passage.length === 0) return 0;
    growTo(kernel, tile.end);
    const doubles = new Float64Array(kernel.memory.buffer);
    const floats = new Float32Array(kernel.memory.buffer);
    const best = tile.best / 8;
    let sum = 0;
    for (let q = 0; q < query.length; q += QUERY_ROWS * width) {
      const queries = query.subarray(q, q + QUERY_ROWS * width);
      const rows = queries.length / width;
      doubles.set(queries, tile.queries / 8);
      doubles.fill(Number.NEGATIVE_INFINITY, best, best + 2 * rows);
      for (let p = 0; p < passage.length; p += PASSAGE_ROWS * width) {
        const passages = passage.subarray(p, p + PASSAGE_ROWS * width);
        floats.set(passages, tile.passages / 4);
        kernel.bestDots(tile.queries, rows, width, tile.passages, passages.length / width, tile.panel, tile.best);
      }
      for (let row = 0; row < rows; row++) sum += Math.max(doubles[best + 2 * row]!, doubles[best + 2 * row + 1]!);
    }
    return sum / (query.length / width);
  };
}
