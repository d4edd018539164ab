import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Embedder } from '../../src/embedder.ts';
import { writeOut } from '../output.ts';
import { createProgress } from '../progress.ts';
import { createCounter } from '../progress-counter.ts';
import { type ByteLine, byteLines } from './byte-lines.ts';
import { type Document, parseDocument } from './document.ts';
import { embedDocuments } from './embed-documents.ts';
import type { Pool } from './pool.ts';
import { surveyWork } from './survey.ts';

export interface ReembedOptions {
  readonly colbert: boolean;
  readonly truncate: boolean;
  /** Tokens of the longest text. */
  readonly maxTokens: number;
  readonly threads: number;
}

/**
 * Writes a line of vectors for each document of the file `from` into the file `to`, and goes on where an earlier run was stopped: a line depends on its
 * document and the model alone, so the file comes out the same however often that happens.
 *
 * @throws UserError naming the line and the fix.
 */
export async function reembedFile(embedder: Embedder, pool: Pool, from: string, to: string, options: ReembedOptions) {
  const { fingerprint } = embedder;
  const checked = createProgress('check');
  const { documents, doneDocuments, leftBytes, start, keptBytes } = await surveyWork({
    ...options,
    from,
    to,
    fingerprint,
    checkLength: (document) => checkLength(embedder, document, options),
    onProgress: checked.update,
  });
  checked.end();
  if (doneDocuments > 0) process.stderr.write(`${doneDocuments} of ${documents} documents are done\n`);
  if (doneDocuments === documents) return;

  const file = await open(to, doneDocuments > 0 ? 'r+' : 'w');
  try {
    await file.truncate(keptBytes);
    const progress = createProgress('reembed');
    const left = parseDocuments(byteLines(createReadStream(from, { start: start.offset }), start.line), fingerprint);
    let position = keptBytes;
    let doneBytes = 0;
    let done = 0;
    for await (const { documents, lines } of embedDocuments(left, pool, options.threads)) {
      position = await writeLines(file, lines, position);
      for (const { textBytes } of documents) doneBytes += textBytes;
      done += documents.length;
      progress.update(doneBytes, leftBytes, { documents: done });
    }
    progress.end();
  } finally {
    await file.close();
  }
}

/** The same from stdin to stdout; nothing is left to go on from. */
export async function reembedStream({ fingerprint }: Embedder, pool: Pool, { threads }: ReembedOptions) {
  const counter = createCounter('documents');
  let done = 0;
  for await (const { lines } of embedDocuments(parseDocuments(byteLines(process.stdin), fingerprint), pool, threads)) {
    await writeOut(lines);
    done += lines.length;
    counter.update(done);
  }
  counter.end();
}

async function* parseDocuments(lines: AsyncIterable<ByteLine>, fingerprint: string): AsyncGenerator<Document> {
  for await (const line of lines) {
    const document = parseDocument(line, fingerprint);
    if (document) yield document;
  }
}

/** A byte becomes at most so many tokens: NFKC makes 18 characters of the three bytes of U+FDFA. `<s>`, `</s>` and a first `▁` come on top. */
const TOKENS_PER_BYTE = 6;
const TOKENS_BESIDE = 3;

/** @throws ServiceError `input_too_long` as the engine would, long before the text's turn. */
function checkLength(embedder: Embedder, { text, textBytes, line }: Document, options: ReembedOptions): void {
  const { maxTokens, truncate } = options;
  if (truncate || TOKENS_PER_BYTE * textBytes + TOKENS_BESIDE <= maxTokens) return;
  embedder.estimate([text], { dense: true, maxTokens, paramOf: () => `line ${line}` });
}

/** Lines are on the disk when this returns. @returns Where the next line begins. */
async function writeLines(file: FileHandle, lines: readonly string[], position: number): Promise<number> {
  let end = position;
  for (const line of lines) {
    const bytes = Buffer.from(line);
    for (let offset = 0; offset < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, offset, bytes.length - offset, end);
      offset += bytesWritten;
      end += bytesWritten;
    }
  }
  await file.datasync();
  return end;
}
