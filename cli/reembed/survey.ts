import { createReadStream, statSync } from 'node:fs';
import { UserError } from '../user-error.ts';
import { type ByteLine, byteLines } from './byte-lines.ts';
import { type Document, parseDocument } from './document.ts';

export interface SurveyOptions {
  readonly from: string;
  readonly to: string;
  readonly fingerprint: string;
  readonly colbert: boolean;
  /** Tokens of the longest text. */
  readonly maxTokens: number;
  /** Refuses a text that the engine would refuse. @throws UserError */
  readonly checkLength: (document: Document) => void;
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
}

/** How far an earlier run of the same work has come. */
export interface Survey {
  readonly documents: number;
  readonly doneDocuments: number;
  /** Bytes of the texts that are left to do. */
  readonly leftBytes: number;
  /** Where the input goes on. */
  readonly start: { readonly offset: number; readonly line: number };
  /** Bytes of the output that stay; what lies behind is the beginning of a line that a killed run has left. */
  readonly keptBytes: number;
}

/**
 * Reads all of the input, so that what is wrong with it is said before anything is computed, and beside it the output of an earlier run: each of its
 * lines must be what this run would write.
 *
 * @throws UserError naming the line and the fix.
 */
export async function surveyWork(options: SurveyOptions): Promise<Survey> {
  const { from, to, fingerprint, checkLength, onProgress } = options;
  const outputLines = statSync(to, { throwIfNoEntry: false }) ? byteLines(createReadStream(to)) : emptyLines();
  const { size } = statSync(from);
  let finished = await outputLines.next();
  let documents = 0;
  let doneDocuments = 0;
  let leftBytes = 0;
  let keptBytes = 0;
  let start = { offset: 0, line: 1 };
  for await (const line of byteLines(createReadStream(from))) {
    onProgress(line.end, size);
    const document = parseDocument(line, fingerprint);
    if (!document) continue;
    documents++;
    if (!finished.done) {
      checkFinished(finished.value, document, options);
      if (finished.value.isWhole) {
        doneDocuments++;
        keptBytes = finished.value.end;
        start = { offset: line.end, line: line.number + 1 };
        finished = await outputLines.next();
        continue;
      }
      finished = await outputLines.next(); // the last line, cut short: to be done again
    }
    checkLength(document);
    leftBytes += document.textBytes;
  }
  if (!finished.done) {
    throw new UserError(`${to} has more lines than ${from} has documents; ${remedy(to)}`);
  }
  return { documents, doneDocuments, leftBytes, start, keptBytes };
}

async function* emptyLines(): AsyncGenerator<ByteLine> {}

const LINE_END = /"tokens":(\d+),"truncated":(true|false)\}$/;
const LINE_END_BYTES = 64;
const COLBERT = '"colbert_vecs":';

function checkFinished(line: ByteLine, document: Document, { to, colbert, maxTokens }: SurveyOptions): void {
  const { bytes, number, isWhole } = line;
  const refuse = (problem: string) => new UserError(`${to}: line ${number} ${problem}; ${remedy(to)}`);
  const head = Buffer.from(document.head);
  const begins = bytes.subarray(0, head.length).equals(isWhole ? head : head.subarray(0, bytes.length));
  if (!begins) throw refuse(difference(bytes, document));
  if (!isWhole) return;
  const [, tokens, truncated] = LINE_END.exec(bytes.subarray(-LINE_END_BYTES).toString('latin1')) ?? [];
  if (tokens === undefined) throw refuse('is damaged');
  if (bytes.subarray(head.length).includes(COLBERT) !== colbert)
    throw refuse(`has ${colbert ? 'no ' : ''}ColBERT vectors, this run has ${colbert ? 'some' : 'none'}`);
  if (Number(tokens) > maxTokens || (truncated === 'true' && Number(tokens) !== maxTokens))
    throw refuse(`was made with another --max-length than ${maxTokens}`);
}

/** What in the beginning of a line is not the document's. */
function difference(bytes: Uint8Array, { head, line }: Document): string {
  const found = Buffer.from(bytes)
    .subarray(0, 2 * head.length)
    .toString('utf8');
  const fieldIn = (name: string, text: string) => new RegExp(`"${name}":"(.*?)"`).exec(text)?.[1];
  if (fieldIn('id', found) !== fieldIn('id', head)) return `is not the document of line ${line} of the input`;
  if (fieldIn('fingerprint', found) !== fieldIn('fingerprint', head))
    return `was made by another model: fingerprint ${fieldIn('fingerprint', found)}, this one's is ${fieldIn('fingerprint', head)}`;
  return `was made from another text or other metadata than line ${line} of the input has`;
}

const remedy = (to: string) => `give --to another file, or remove ${to} to begin anew`;
