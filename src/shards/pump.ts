import { ServiceError } from '../errors.ts';
import type { WriteChunk } from './source.ts';

/**
 * Eight reads at once hold 2 MiB. Each read is some 2 KB of garbage, and workerd hands over 64 KiB at a time where it is not told to fill the buffer:
 * a query that streams 94 MB leaves 3.3 MB then, 1.2 MB with 256 KiB, 0.5 MB with 1 MiB; the time is the same.
 */
const BUFFER_BYTES = 256 * 1024;

/** Buffers that no read uses at the moment. One that a cancelled request held is left to the collector. */
const idleBuffers: ArrayBuffer[] = [];

/**
 * Hands a byte stream over in chunks of one reused buffer: wasm memory cannot be read into directly, and a fresh buffer a chunk is garbage
 * that an isolate cannot afford.
 *
 * @param name The shard's, for errors.
 * @throws ServiceError `model_unavailable` where the stream breaks; whatever `write` throws, as it is.
 */
export async function pump(
  stream: ReadableStream<Uint8Array>,
  name: string,
  write: WriteChunk,
  signal?: AbortSignal,
): Promise<void> {
  const reader = stream.getReader({ mode: 'byob' });
  const cancel = () => {
    reader.cancel(signal?.reason).catch(() => {}); // the other end may be gone already
  };
  signal?.addEventListener('abort', cancel, { once: true }); // not every stream takes a signal, R2's does not
  let buffer = idleBuffers.pop() ?? new ArrayBuffer(BUFFER_BYTES);
  let offset = 0;
  try {
    while (true) {
      signal?.throwIfAborted();
      const { done, value } = await readOrExplain(reader, new Uint8Array(buffer), name, signal);
      signal?.throwIfAborted(); // a cancelled read ends as if the shard did
      if (value) buffer = value.buffer as ArrayBuffer;
      if (done) break;
      await write(value!, offset);
      offset += value!.length;
    }
  } catch (error) {
    cancel();
    throw error;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
  idleBuffers.push(buffer);
}

/** Workerd's own `readAtLeast` fills a buffer; Node's readers do not have it, and what they have in its place fails at the end of a stream. */
type Reader = ReadableStreamBYOBReader & {
  readAtLeast?(
    bytes: number,
    view: Uint8Array<ArrayBuffer>,
  ): Promise<{ done: boolean; value?: Uint8Array<ArrayBuffer> | undefined }>;
};

async function readOrExplain(reader: Reader, view: Uint8Array<ArrayBuffer>, name: string, signal?: AbortSignal) {
  try {
    return await (reader.readAtLeast?.(view.length, view) ?? reader.read(view));
  } catch (cause) {
    signal?.throwIfAborted();
    throw new ServiceError('model_unavailable', `${name}: the connection to storage broke; try again`, { cause });
  }
}
