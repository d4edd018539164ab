import { M3edgeError } from './errors.ts';

/** Texts that are sent together. */
export interface Batch {
  readonly texts: readonly string[];
  /** Index of the first in the caller's list. */
  readonly first: number;
}

const DEFAULT_TEXTS = 64;
/** A request's body may have 2 MiB; a UTF-16 unit takes up to 3 bytes, or 6 where JSON escapes it. */
const MAX_UNITS = 340_000;

/** Consecutive texts, so many and so long as one request may have; a text that is too long alone is sent alone, and refused. */
export function* batches(texts: readonly string[], maxTexts = DEFAULT_TEXTS): Generator<Batch> {
  for (let first = 0; first < texts.length; ) {
    let end = first;
    let units = 0;
    do {
      units += texts[end]!.length;
      end++;
    } while (end < texts.length && end - first < maxTexts && units + texts[end]!.length <= MAX_UNITS);
    yield { texts: texts.slice(first, end), first };
    first = end;
  }
}

/** Fields of an error as the caller counts its texts. */
export async function inBatch<Result>({ first }: Batch, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof M3edgeError) || first === 0) throw error;
    const moved = (text: string) => text.replace(/texts\[(\d+)\]/, (_, index) => `texts[${first + Number(index)}]`);
    const { status, code, message, param, requestId, cause } = error;
    throw new M3edgeError(status, code, moved(message), { param: param && moved(param), requestId, cause });
  }
}
