import { type EncodeAll, type Files, type Library, LOADERS } from './libraries.ts';

/** One library in a process of its own: the child of `startSubject`. */

export type Order =
  | { readonly do: 'load'; readonly library: Library; readonly files: Files }
  | { readonly do: 'texts'; readonly name: string; readonly texts: readonly string[] }
  | { readonly do: 'encode'; readonly name: string; readonly repeat: number };

export interface Loaded {
  readonly loadMs: number;
  /** Resident memory more than before, after a first text and a collection of garbage. */
  readonly memoryMB: number;
}

const sets = new Map<string, readonly string[]>();
let encodeAll: EncodeAll | undefined;

async function follow(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'load': {
      globalThis.gc?.();
      const before = process.memoryUsage().rss;
      const start = performance.now();
      encodeAll = await LOADERS[order.library](order.files);
      await encodeAll(['Hello world']);
      const loadMs = performance.now() - start;
      globalThis.gc?.();
      return { loadMs, memoryMB: (process.memoryUsage().rss - before) / 1e6 } satisfies Loaded;
    }
    case 'texts':
      // Flat copies: what `split` gives are windows on the whole file, which are slower to read.
      sets.set(
        order.name,
        order.texts.map((text) => Buffer.from(text, 'utf16le').toString('utf16le')),
      );
      return order.texts.length;
    case 'encode': {
      let tokens = 0;
      for (let round = 0; round < order.repeat; round++) tokens += await encodeAll!(sets.get(order.name)!);
      return tokens;
    }
  }
}

process.on('message', async (order: Order) => {
  try {
    process.send?.({ answer: await follow(order) });
  } catch (error) {
    process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
