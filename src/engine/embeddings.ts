import { ServiceError } from '../errors.ts';
import { planPageLayout, positionPageFile, type TableLayout, wordPageFile } from '../format/layout.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { MemoryPlan } from './memory-plan.ts';
import { PAGE_BUFFERS } from './memory-plan.ts';
import type { Pass } from './pass.ts';

/** Copies a whole shard to `address`; rejects where it cannot be read, or the pass has lost the engine. */
export type LoadShard = (name: string, address: number, byteLength: number, signal?: AbortSignal) => Promise<void>;

export interface EmbeddingTables {
  readonly words: TableLayout;
  readonly positions: TableLayout;
  readonly positionOffset: number;
}

/** Tokens that need a row of the same page. */
interface PageUse {
  readonly page: number;
  readonly tokens: number[];
}

/**
 * hidden[t] = word row of ids[t] + position row of t, f32 [tokens, hidden]; every page is read once, whatever the number of its rows.
 *
 * @throws ServiceError `internal` before any read where an id or a position has no row: tokenizer and model do not belong together.
 */
export async function embedTokens(
  kernel: Kernel,
  plan: MemoryPlan,
  tables: EmbeddingTables,
  pass: Pass,
  load: LoadShard,
): Promise<void> {
  const width = tables.words.width;
  const positions = new Uint32Array(pass.ids.length);
  for (const { start, tokens } of pass.spans) {
    for (let t = 0; t < tokens; t++) positions[start + t] = t + tables.positionOffset;
  }
  const words = usedPages(pass.ids, tables.words);
  const positionPages = usedPages(positions, tables.positions);

  await readPages(
    kernel,
    plan,
    tables.words,
    words,
    wordPageFile,
    load,
    (values, scale, row, token) => {
      kernel.loadRowI8(values + row * width, scale, width, plan.hidden + 4 * width * token);
    },
    pass.ids,
  );
  await readPages(
    kernel,
    plan,
    tables.positions,
    positionPages,
    positionPageFile,
    load,
    (values, scale, row, token) => {
      kernel.addRowI16(values + 2 * row * width, scale, width, plan.hidden + 4 * width * token);
    },
    positions,
  );
}

/** Pages in ascending order with the tokens that use them. */
function usedPages(rows: Uint32Array, table: TableLayout): PageUse[] {
  const uses = new Map<number, number[]>();
  rows.forEach((row, token) => {
    if (row >= table.rowCount) {
      throw new ServiceError(
        'internal',
        `row ${row} is outside a table of ${table.rowCount}: tokenizer and model do not belong together`,
      );
    }
    const page = Math.floor(row / table.pageRows);
    const tokens = uses.get(page);
    if (tokens) tokens.push(token);
    else uses.set(page, [token]);
  });
  return [...uses].map(([page, tokens]) => ({ page, tokens })).sort((a, b) => a.page - b.page);
}

/** Each buffer works through the pages that are left, so that PAGE_BUFFERS reads are under way at once. */
async function readPages(
  kernel: Kernel,
  plan: MemoryPlan,
  table: TableLayout,
  uses: readonly PageUse[],
  fileOf: (page: number) => string,
  load: LoadShard,
  takeRow: (values: number, scale: number, row: number, token: number) => void,
  rows: Uint32Array,
): Promise<void> {
  let next = 0;
  const abort = new AbortController();
  const work = async (buffer: number): Promise<void> => {
    const address = plan.pages + buffer * plan.pageBytes;
    for (let use = uses[next++]; use && !abort.signal.aborted; use = uses[next++]) {
      const layout = planPageLayout(table, use.page);
      await load(fileOf(use.page), address, layout.byteLength, abort.signal);
      const scales = new Float32Array(kernel.memory.buffer, address + layout.scale);
      for (const token of use.tokens) {
        const row = rows[token]! % table.pageRows;
        takeRow(address + layout.values, scales[row]!, row, token);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: PAGE_BUFFERS }, (_, buffer) => work(buffer)));
  } finally {
    abort.abort();
  }
}
