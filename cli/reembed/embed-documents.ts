import type { Document } from './document.ts';
import type { Pool } from './pool.ts';

/** Of one pass, by the four bytes or so that a token has in most languages: PASS_TOKENS tokens. */
const TASK_BYTES = 4096;
/** Tasks a thread and window: threads wait for one another at a window's end only where nothing follows it. */
const WINDOW_TASKS = 8;
const WINDOW_DOCUMENTS = 1024;
/** One is written while the next is computed. */
const WINDOWS_AT_ONCE = 2;

export interface Window {
  readonly documents: readonly Document[];
  /** A line each, in their order. */
  readonly lines: readonly string[];
}

/** Lines of output in the documents' order, a window at a time. */
export async function* embedDocuments(
  documents: AsyncIterable<Document>,
  pool: Pool,
  threads: number,
): AsyncGenerator<Window> {
  const computing: Promise<Window>[] = [];
  for await (const window of windowsOf(documents, threads * WINDOW_TASKS * TASK_BYTES)) {
    const embedded = embedWindow(window, pool);
    embedded.catch(() => {}); // awaited below; until then an early failure must not count as unhandled
    computing.push(embedded);
    if (computing.length === WINDOWS_AT_ONCE) yield await computing.shift()!;
  }
  for (const embedded of computing) yield await embedded;
}

async function* windowsOf(documents: AsyncIterable<Document>, windowBytes: number): AsyncGenerator<Document[]> {
  let window: Document[] = [];
  let bytes = 0;
  for await (const document of documents) {
    window.push(document);
    bytes += document.textBytes;
    if (bytes < windowBytes && window.length < WINDOW_DOCUMENTS) continue;
    yield window;
    window = [];
    bytes = 0;
  }
  if (window.length > 0) yield window;
}

async function embedWindow(documents: readonly Document[], pool: Pool): Promise<Window> {
  const lines: string[] = [];
  await Promise.all(
    planTasks(documents.map(({ textBytes }) => textBytes)).map(async (task) => {
      const taskLines = await pool.run(
        task.map((place) => {
          const { line, text, head } = documents[place]!;
          return { line, text, head };
        }),
      );
      for (const [index, place] of task.entries()) lines[place] = taskLines[index]!;
    }),
  );
  return { documents, lines };
}

/**
 * Cuts a window into tasks of about one pass, the longest texts first, so that the threads end at about the same time.
 *
 * @returns Places of each task's texts in the window.
 */
export function planTasks(textBytes: readonly number[]): number[][] {
  const places = [...textBytes.keys()].sort((a, b) => textBytes[b]! - textBytes[a]!);
  const tasks: number[][] = [];
  let taskBytes = Number.POSITIVE_INFINITY;
  for (const place of places) {
    if (taskBytes + textBytes[place]! > TASK_BYTES) {
      tasks.push([]);
      taskBytes = 0;
    }
    tasks.at(-1)!.push(place);
    taskBytes += textBytes[place]!;
  }
  return tasks;
}
