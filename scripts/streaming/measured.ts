import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bundle, bundleWorker } from '../../test/workerd/support/bundle.ts';
import { type Inspector, openInspector } from '../../test/workerd/support/inspector.ts';
import { type Storage, startStorage } from '../../test/workerd/support/storage.ts';
import { startWorkerd, type Workerd } from '../../test/workerd/support/workerd.ts';
import { realText } from './models.ts';

/** Raw `workerd serve` with the model's shards served by another process. */
export interface Measured {
  readonly workerd: Workerd;
  readonly storage: Storage;
  readonly inspector: Inspector | undefined;
  /** One text of so many tokens, dense. @param text Default one of real words. @returns Milliseconds. */
  encode(tokens: number, text?: string): Promise<number>;
  /** Several texts at once, each a request. @returns Milliseconds until all are answered. */
  encodeAtOnce(count: number, tokens: number): Promise<number>;
  /** Everything of one text, line by line. @returns ColBERT rows that came, and milliseconds. */
  streamColbert(tokens: number): Promise<{ readonly rows: number; readonly elapsedMs: number }>;
  /** Bytes of the isolate's wasm memory. */
  wasmBytes(): Promise<number>;
  stop(): Promise<void>;
}

let bundle: Promise<Bundle> | undefined;
const directory = mkdtempSync(join(tmpdir(), 'm3edge-measure-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

/** @param options.inspect Opens the inspector, for figures of memory; not beside figures of time. */
export async function startMeasured(
  model: string,
  { memoryBytes, inspect = false }: { readonly memoryBytes?: number; readonly inspect?: boolean } = {},
): Promise<Measured> {
  bundle ??= bundleWorker(directory);
  const storage = await startStorage(model);
  const vars = { MODEL_SOURCE: storage.url, CPU_MS: 1e9, ...(memoryBytes && { MEMORY_BYTES: memoryBytes }) };
  const workerd = await startWorkerd({ bundle: await bundle, vars, inspect });
  const inspector = inspect ? await openInspector(workerd.inspectorPort!) : undefined;

  const post = (body: object, accept = 'application/json') => postTo(workerd.port, JSON.stringify(body), accept);
  const encodeOne = async (tokens: number, text = realText(tokens)): Promise<void> => {
    const body = { texts: [text], truncate: true, max_length: tokens, encoding_format: 'base64' };
    const answer = JSON.parse(await textOf(await post(body))) as { usage: { tokens: number[] } };
    if (answer.usage.tokens[0] !== tokens) throw new Error(`${answer.usage.tokens} tokens instead of ${tokens}`);
  };
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const startMs = performance.now();
    await work();
    return performance.now() - startMs;
  };
  return {
    workerd,
    storage,
    inspector,
    encode: (tokens, text) => timed(() => encodeOne(tokens, text)),
    encodeAtOnce: (count, tokens) =>
      timed(() => Promise.all(Array.from({ length: count }, (_, index) => encodeOne(tokens, realText(tokens, index))))),
    async streamColbert(tokens) {
      let rows = 0;
      const elapsedMs = await timed(async () => {
        const body = { texts: [realText(tokens)], truncate: true, max_length: tokens, encoding_format: 'base64' };
        const response = await post(
          { ...body, return_sparse: true, return_colbert_vecs: true },
          'application/x-ndjson',
        );
        rows = await countRows(response);
      });
      return { rows, elapsedMs };
    },
    wasmBytes: async () => {
      const { memoryBytes } = (await (await fetch(`http://127.0.0.1:${workerd.port}/test-hooks`)).json()) as {
        memoryBytes: number[];
      };
      return memoryBytes.reduce((sum, bytes) => sum + bytes, 0);
    },
    async stop() {
      inspector?.close();
      await workerd.stop();
      await storage.stop();
    },
  };
}

/** Unlike `fetch`, it waits for an answer as long as it takes: 8,192 tokens are minutes. */
async function postTo(port: number, body: string, accept: string): Promise<IncomingMessage> {
  const headers = { 'content-type': 'application/json', accept };
  const sent = request({ port, host: '127.0.0.1', path: '/encode', method: 'POST', headers }).end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`${response.statusCode}: ${await textOf(response)}`);
  return response;
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return text;
}

/** Rows of the list `colbert_vecs`, each a base64 string, without holding more than a chunk. */
async function countRows(body: AsyncIterable<Uint8Array>): Promise<number> {
  const decoder = new TextDecoder();
  const opening = '"colbert_vecs":[';
  let [before, quotes, isOver] = ['', 0, false];
  for await (const chunk of body) {
    let text = decoder.decode(chunk, { stream: true });
    if (before !== opening) {
      const start = (before + text).indexOf(opening);
      if (start < 0) {
        before = (before + text).slice(-opening.length + 1);
        continue;
      }
      text = (before + text).slice(start + opening.length);
      before = opening;
    }
    if (isOver) continue;
    const end = text.indexOf(']');
    if (end >= 0) isOver = true;
    quotes += text.slice(0, end < 0 ? text.length : end).split('"').length - 1;
  }
  if (!isOver) throw new Error('the answer ended within its ColBERT rows');
  return quotes / 2;
}
