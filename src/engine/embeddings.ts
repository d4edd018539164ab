import { ServiceError } from '../errors.ts';
import {
  planPageLayout,
  planTableLayout,
  positionPageFile,
  rowBytes,
  type TableLayout,
  wordPageFile,
} from '../format/layout.ts';
import type { Manifest } from '../format/manifest.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { type HotPages, type MemoryPlan, PAGE_BUFFERS } from './memory-plan.ts';
import type { Pass } from './pass.ts';

/** Copies a whole shard to `address`; rejects where it cannot be read, or the pass has lost the engine. */
export type LoadShard = (name: string, address: number, byteLength: number, signal?: AbortSignal) => Promise<void>;

/** A table of the model, and which of its hot pages are in memory. */
interface Table {
  readonly layout: TableLayout;
  readonly fileOf: (page: number) => string;
  /** Pages, all among the hot ones, that have been read. */
  readonly resident: Set<number>;
}

export interface EmbeddingTables {
  readonly words: Table;
  readonly positions: Table;
  readonly positionOffset: number;
}

export function createEmbeddingTables({ architecture, wordTable, positionTable }: Manifest): EmbeddingTables {
  const { vocabularySize, positionCount, positionOffset, hiddenSize } = architecture;
  const words = planTableLayout(vocabularySize, wordTable.pageRows, wordTable.type, hiddenSize);
  const positions = planTableLayout(positionCount, positionTable.pageRows, positionTable.type, hiddenSize);
  return {
    words: { layout: words, fileOf: wordPageFile, resident: new Set() },
    positions: { layout: positions, fileOf: positionPageFile, resident: new Set() },
    positionOffset,
  };
}

/**
 * hidden[t] = word row of ids[t] + position row of t, f32 [tokens, hidden]; a page is read once, whatever the number of its rows.
 *
 * @throws ServiceError `internal` before any read where an id or a position has no row: tokenizer and model do not belong together.
 */
export async function embedTokens(
  kernel: Kernel,
  plan: MemoryPlan,
  { words, positions, positionOffset }: EmbeddingTables,
  pass: Pass,
  load: LoadShard,
): Promise<void> {
  const { type, width } = words.layout;
  const loadRow = type === 'i4' ? kernel.loadRowI4 : kernel.loadRowI8;
  const positionRows = new Uint32Array(pass.ids.length);
  for (const { start, tokens } of pass.spans) {
    for (let t = 0; t < tokens; t++) positionRows[start + t] = t + positionOffset;
  }
  const wordUses = usedPages(words.layout, pass.ids);
  const positionUses = usedPages(positions.layout, positionRows);
  const reader = createPageReader(kernel, plan, load);
  await reader.read(words, plan.hotWords, wordUses, (values, scale, row, token) => {
    loadRow(values + row * rowBytes(type, width), scale, width, plan.hidden + 4 * width * token);
  });
  await reader.read(positions, plan.hotPositions, positionUses, (values, scale, row, token) => {
    kernel.addRowI16(values + 2 * row * width, scale, width, plan.hidden + 4 * width * token);
  });
}

/** A page with the rows that are wanted of it: `rows[i]` of the page for `tokens[i]` of the pass. */
interface PageUse {
  readonly page: number;
  readonly rows: number[];
  readonly tokens: number[];
}

/** @param rows Row of the table for each token. @returns Pages in ascending order. */
function usedPages(table: TableLayout, rows: Uint32Array): PageUse[] {
  const uses = new Map<number, PageUse>();
  for (const [token, row] of rows.entries()) {
    if (row >= table.rowCount) {
      throw new ServiceError(
        'internal',
        `row ${row} is outside a table of ${table.rowCount}: tokenizer and model do not belong together`,
      );
    }
    const page = Math.floor(row / table.pageRows);
    const use = uses.get(page) ?? { page, rows: [], tokens: [] };
    uses.set(page, use);
    use.rows.push(row % table.pageRows);
    use.tokens.push(token);
  }
  return [...uses.values()].sort((a, b) => a.page - b.page);
}

type TakeRow = (values: number, scale: number, row: number, token: number) => void;

function createPageReader(kernel: Kernel, plan: MemoryPlan, load: LoadShard) {
  const takeRows = (table: TableLayout, use: PageUse, address: number, takeRow: TakeRow): void => {
    const { scale, values } = planPageLayout(table, use.page);
    const scales = new Float32Array(kernel.memory.buffer, address + scale);
    for (const [i, row] of use.rows.entries()) takeRow(address + values, scales[row]!, row, use.tokens[i]!);
  };
  /** Each buffer works through the pages that are left, so that PAGE_BUFFERS reads are under way at once. */
  const read = async (table: Table, hot: HotPages, uses: readonly PageUse[], takeRow: TakeRow): Promise<void> => {
    const abort = new AbortController();
    let next = 0;
    const work = async (buffer: number): Promise<void> => {
      for (let use = uses[next++]; use && !abort.signal.aborted; use = uses[next++]) {
        const { page } = use;
        const isHot = page < hot.count;
        const address = isHot ? hot.address + page * hot.pageBytes : plan.pages + buffer * plan.pageBytes;
        if (!table.resident.has(page)) {
          await load(table.fileOf(page), address, planPageLayout(table.layout, page).byteLength, abort.signal);
          if (isHot) table.resident.add(page);
        }
        takeRows(table.layout, use, address, takeRow);
      }
    };
    try {
      await Promise.all(Array.from({ length: PAGE_BUFFERS }, (_, buffer) => work(buffer)));
    } finally {
      abort.abort();
    }
  };
  return { read };
}
