/** A message: that a document may have to be embedded. The database knows whether. */
export interface Hint {
  readonly version: 1;
  /** documents.key */
  readonly document: number;
}

/** A queue's sending side. */
export interface HintQueue {
  sendBatch(messages: Iterable<{ body: Hint }>): Promise<unknown>;
}

/** Messages in one call. */
const MAX_BATCH = 100;

/** @throws Where the queue does not take them; nothing is lost by that. */
export async function sendHints(queue: HintQueue, keys: readonly number[]): Promise<void> {
  for (let start = 0; start < keys.length; start += MAX_BATCH) {
    await queue.sendBatch(keys.slice(start, start + MAX_BATCH).map((document) => ({ body: { version: 1, document } })));
  }
}

/** @returns undefined for anything else than a hint of this version. */
export function parseHint(body: unknown): Hint | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { version, document } = body as Partial<Record<string, unknown>>;
  if (version !== 1 || !Number.isSafeInteger(document) || Object.keys(body).length !== 2) return undefined;
  return { version, document: document as number };
}
