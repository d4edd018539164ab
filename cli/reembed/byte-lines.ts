/** A line of a file, without its newline. */
export interface ByteLine {
  /** Counted from 1. */
  readonly number: number;
  readonly bytes: Buffer;
  /** Where the next line begins, counted from where the input began. */
  readonly end: number;
  /** Whether a newline ends it; only the last line may lack one. */
  readonly isWhole: boolean;
}

const NEWLINE = 0x0a;

/** The lines of a stream, as bytes. What follows the last newline is a line if it has any bytes. */
export async function* byteLines(input: AsyncIterable<Uint8Array>, firstNumber = 1): AsyncGenerator<ByteLine> {
  let number = firstNumber;
  let end = 0;
  let parts: Uint8Array[] = [];
  const takeLine = (isWhole: boolean): ByteLine => {
    const bytes = Buffer.concat(parts);
    parts = [];
    end += bytes.length + (isWhole ? 1 : 0);
    return { number: number++, bytes, end, isWhole };
  };
  for await (const chunk of input) {
    let start = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, start)) {
      parts.push(chunk.subarray(start, at));
      yield takeLine(true);
      start = at + 1;
    }
    if (start < chunk.length) parts.push(chunk.slice(start)); // a copy: the stream may use its buffer again
  }
  if (parts.length > 0) yield takeLine(false);
}
