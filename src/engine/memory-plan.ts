import { ServiceError } from '../errors.ts';
import type { Architecture } from '../format/architecture.ts';
import { alignUp, PANEL_COLUMNS } from '../format/layout.ts';
import { maxSimBytes } from '../kernel/max-sim.ts';

/** Keys of a text are stored in panels of this many. */
export const KEY_MULTIPLE = PANEL_COLUMNS;
/** Rows that pass through the linear layers together: their activations (512 KiB at width 4096) stay in L2 while the weights pass. */
const BLOCK_ROWS = 128;
/** Word or position pages read at once: six connections may wait for headers in one request. */
export const PAGE_BUFFERS = 6;
/** One layer computes while the next arrives. */
export const STREAM_SLOTS = 2;
/**
 * Table pages that stay in memory, from the first: the first 4,096 ids are two fifths of all tokens in text, and every text begins at
 * position 0. In BGE-M3 5.3 MB, less than one layer of either preset.
 */
const HOT_PAGES = { words: 64, positions: 8 } as const;
/** Four rows are one register tile. */
const ROW_MULTIPLE = 4;

/** Sizes that do not depend on the pass. */
export interface ModelSizes {
  readonly architecture: Architecture;
  readonly embeddingsBytes: number;
  readonly headsBytes: number;
  readonly words: PageSizes;
  readonly positions: PageSizes;
  /** The largest encoder layer's shard. */
  readonly layerBytes: number;
}

export interface PageSizes {
  readonly pageBytes: number;
  readonly pageCount: number;
}

/** The first `count` pages of a table, `pageBytes` apart. */
export interface HotPages {
  readonly address: number;
  readonly count: number;
  readonly pageBytes: number;
}

/** Byte addresses in wasm memory; every region begins at a multiple of 64. */
export interface MemoryPlan {
  readonly embeddings: number;
  readonly heads: number;
  readonly hotWords: HotPages;
  readonly hotPositions: HotPages;
  /** PAGE_BUFFERS pages of either table. */
  readonly pages: number;
  readonly pageBytes: number;
  /** `maxSimBytes`, at one address in all plans of a model: scores are computed while another's pass is under way. */
  readonly maxSim: number;
  readonly slots: number;
  readonly slotBytes: number;
  readonly slotCount: number;
  readonly blockRows: number;
  /** f32 [tokens, hidden] */
  readonly hidden: number;
  /** One pass's keys and values: u7 and i8 [padded tokens, hidden], each text in the order of `assembly/attention.ts`. */
  readonly keys: number;
  readonly values: number;
  /** f32 [3, heads, padded tokens] */
  readonly keyScales: number;
  /** i8 [blockRows, max(hidden, intermediate)] */
  readonly activations: number;
  /** 16 bytes a row of a block. */
  readonly rowScales: number;
  /** f32 [blockRows, max(intermediate, 2 · hidden, ColBERT size)] */
  readonly wide: number;
  /** f32 [blockRows + 4, hidden]: attention writes up to three rows beyond. */
  readonly context: number;
  readonly attentionScratch: number;
  readonly panelScratch: number;
  /** f32 [blockRows] */
  readonly rowValues: number;
  readonly totalBytes: number;
}

export const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;

/** Tokens that a text's keys take in the store. */
export const keyCapacity = (tokens: number): number => roundUp(tokens, KEY_MULTIPLE);

/**
 * Lays out one pass. What the pass does not need goes to encoder layers: as many slots as the budget allows, at least STREAM_SLOTS.
 *
 * @param base First byte that the kernels leave free.
 * @param textTokens Tokens of each text in the pass.
 * @throws ServiceError `budget_exceeded` where even the fewest slots do not fit.
 */
export function planMemory(
  sizes: ModelSizes,
  base: number,
  budgetBytes: number,
  textTokens: readonly number[],
): MemoryPlan {
  const { hiddenSize, intermediateSize, headCount, layerCount, colbertSize } = sizes.architecture;
  const tokens = textTokens.reduce((sum, count) => sum + count, 0);
  const padded = textTokens.reduce((sum, count) => sum + keyCapacity(count), 0);
  const blockRows = Math.min(BLOCK_ROWS, roundUp(tokens, ROW_MULTIPLE));

  let end = alignUp(base);
  const take = (bytes: number): number => {
    const start = end;
    end += alignUp(bytes);
    return start;
  };
  const embeddings = take(sizes.embeddingsBytes);
  const heads = take(sizes.headsBytes);
  const takeHot = ({ pageBytes, pageCount }: PageSizes, atMost: number): HotPages => {
    const count = Math.min(pageCount, atMost);
    return { address: take(count * pageBytes), count, pageBytes };
  };
  const hotWords = takeHot(sizes.words, HOT_PAGES.words);
  const hotPositions = takeHot(sizes.positions, HOT_PAGES.positions);
  const pageBytes = Math.max(sizes.words.pageBytes, sizes.positions.pageBytes);
  const pages = take(PAGE_BUFFERS * pageBytes);
  const maxSim = take(maxSimBytes(colbertSize));
  const slots = end;
  const slotBytes = alignUp(sizes.layerBytes);

  end = 0;
  const pass = {
    hidden: take(4 * hiddenSize * roundUp(tokens, ROW_MULTIPLE)),
    keys: take(padded * hiddenSize),
    values: take(padded * hiddenSize),
    keyScales: take(4 * 3 * headCount * padded),
    activations: take(blockRows * Math.max(hiddenSize, intermediateSize)),
    rowScales: take(16 * blockRows),
    wide: take(4 * blockRows * Math.max(intermediateSize, 2 * hiddenSize, colbertSize)),
    context: take(4 * (blockRows + ROW_MULTIPLE) * hiddenSize),
    attentionScratch: take((blockRows + ROW_MULTIPLE) * (hiddenSize / headCount + 16)),
    panelScratch: take(Math.max(8 * intermediateSize, 32 * hiddenSize)),
    rowValues: take(4 * blockRows),
  };
  const passBytes = end;

  const slotCount = Math.min(layerCount, Math.floor((budgetBytes - slots - passBytes) / slotBytes));
  if (slotCount < Math.min(layerCount, STREAM_SLOTS)) {
    const neededBytes = slots + passBytes + Math.min(layerCount, STREAM_SLOTS) * slotBytes;
    throw new ServiceError(
      'budget_exceeded',
      `a pass of ${tokens} tokens needs ${neededBytes} bytes of memory, the budget is ${budgetBytes}; send shorter texts`,
    );
  }
  const passBase = slots + slotCount * slotBytes;
  const moved = Object.fromEntries(
    Object.entries(pass).map(([name, offset]) => [name, passBase + offset]),
  ) as typeof pass;
  return {
    embeddings,
    heads,
    hotWords,
    hotPositions,
    pages,
    pageBytes,
    maxSim,
    slots,
    slotBytes,
    slotCount,
    blockRows,
    ...moved,
    totalBytes: passBase + passBytes,
  };
}
