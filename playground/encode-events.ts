import { M3edgeError, parseError } from '../src/client/errors.ts';
import { type SendOptions, send } from '../src/client/send.ts';
import { type Embedded, fromWire } from '../src/client/vectors.ts';
import type { encodeRequest } from './settings.ts';

/** An encoder layer that the service has gone through. */
export interface LayerEvent {
  readonly layer: number;
  readonly of: number;
  readonly resident: boolean;
  readonly bytes: number;
  readonly wait_ms: number;
  readonly compute_ms: number;
}

type EncodeBody = ReturnType<typeof encodeRequest>;

export interface Watcher {
  onLayer(layer: LayerEvent): void;
  onEmbedding(embedded: Embedded): void;
}

/**
 * /encode as server-sent events.
 *
 * @throws M3edgeError where the service refuses, fails on the way, or goes away.
 */
export async function watchEncode(
  options: SendOptions,
  body: EncodeBody,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<void> {
  const accept = 'text/event-stream';
  const wanted = JSON.stringify({ ...body, encoding_format: 'base64' });
  const response = await send(options, '/encode', { body: wanted, accept, signal });
  const fingerprint = response.headers.get('x-embedding-fingerprint') ?? '';
  let received = 0;
  try {
    for await (const { name, data } of events(response)) {
      if (name === 'layer') watcher.onLayer(JSON.parse(data));
      else if (name === 'embedding') {
        received++;
        watcher.onEmbedding(fromWire(JSON.parse(data), fingerprint));
      } else if (name === 'error') {
        throw parseError(500, data, response.headers);
      } else if (name === 'done') return;
    }
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof M3edgeError) throw cause;
    throw ended(received, body.texts.length, cause);
  }
  throw ended(received, body.texts.length);
}

const ended = (received: number, wanted: number, cause?: unknown) =>
  new M3edgeError(0, 'connection', `the answer ended after ${received} of ${wanted} texts`, { cause });

/** @see https://html.spec.whatwg.org/multipage/server-sent-events.html as far as the service uses it: a name and one line of data. */
async function* events(response: Response): AsyncGenerator<{ name: string; data: string }> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    for (;;) {
      const { done, value = '' } = await reader.read();
      // What is held does not end an event, so that only what is new is searched, and the seam.
      const from = Math.max(0, text.length - 1);
      text += value;
      if (text.includes('\n\n', from)) {
        const blocks = text.split('\n\n');
        text = blocks.pop()!;
        for (const block of blocks) {
          const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
          if (name !== undefined) yield { name, data: data! };
        }
      }
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
