import { batches, bodyWith, inCallersList, type Room } from './batches.ts';
import { M3edgeError, parseError } from './errors.ts';
import { DEFAULT_RETRIES, pauseAfter, type SendOptions, send } from './send.ts';
import { type Embedded, fromWire, type WireEmbedding } from './vectors.ts';

const LIST = 'texts';
/** What may be over when the rest of a batch is asked for again. */
const PASSING = new Set(['connection', 'overloaded', 'model_unavailable']);

/**
 * Embeddings one by one, batch after batch; what is missing of an answer that broke off is asked for again.
 *
 * @param fields Of the request, but for the texts.
 */
export async function* encodeEach(
  options: SendOptions,
  texts: readonly string[],
  fields: object,
  room: Room,
  signal: AbortSignal | undefined,
): AsyncGenerator<Embedded> {
  const { maxRetries = DEFAULT_RETRIES } = options;
  let fingerprint: string | undefined;

  const ask = async (items: readonly string[]): Promise<Response> => {
    const body = bodyWith(fields, LIST, items);
    const response = await send(options, '/encode', { body, accept: 'application/x-ndjson', signal });
    const answered = response.headers.get('x-embedding-fingerprint') ?? '';
    fingerprint ??= answered;
    if (answered === fingerprint) return response;
    await response.body?.cancel();
    throw new M3edgeError(409, 'fingerprint_mismatch', 'the model was exchanged meanwhile; encode all texts again');
  };

  for (const { items, first } of batches(texts, room)) {
    let received = 0;
    let retries = 0;
    while (received < items.length) {
      const start = received;
      const moved = (error: unknown) => inCallersList(error, LIST, first + start);
      const response = await ask(items.slice(start)).catch((error) => {
        throw moved(error);
      });
      try {
        for await (const wire of embeddings(response, signal)) {
          received++;
          yield fromWire(wire, fingerprint!);
        }
        if (received < items.length) throw new M3edgeError(0, 'connection', 'the answer ended before its last text');
      } catch (error) {
        retries = received > start ? 0 : retries + 1;
        const isPassing = error instanceof M3edgeError && PASSING.has(error.code);
        if (!isPassing || retries > maxRetries) throw moved(error);
        await pauseAfter(error, retries, signal);
      }
    }
  }
}

/** @throws M3edgeError as the service says it after its first line; as `lines`. */
async function* embeddings(response: Response, signal: AbortSignal | undefined): AsyncGenerator<WireEmbedding> {
  for await (const line of lines(response, signal)) {
    const wire = JSON.parse(line) as WireEmbedding | { error: unknown };
    if ('error' in wire) throw parseError(500, line, response.headers);
    yield wire;
  }
}

/** @throws M3edgeError `connection` where the body breaks off; the signal's reason where the caller gives up. */
async function* lines(response: Response, signal: AbortSignal | undefined): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = response.body!.getReader();
  let text = '';
  try {
    while (true) {
      const { done, value } = await reader.read().catch((cause) => {
        signal?.throwIfAborted();
        throw new M3edgeError(0, 'connection', 'the answer broke off', { cause });
      });
      text += decoder.decode(value, { stream: !done });
      const complete = text.split('\n');
      text = complete.pop()!;
      yield* complete;
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => {}); // where the caller has stopped, the engine is given back
  }
}
