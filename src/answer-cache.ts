import { decoratedEmbedder } from './decorated-embedder.ts';
import type { Embedder, Embedding, EmbedOptions } from './embedder.ts';
import { packEmbedding, unpackEmbedding } from './packed-embedding.ts';

/** The part of the platform's cache that is used. */
export type AnswerStore = Pick<Cache, 'match' | 'put'>;

export interface AnswerCacheOptions {
  /** Whose answers are looked at: a hit tells that somebody has asked this before. */
  readonly tenant: string;
  /** Keeps the request alive until an answer is stored. */
  readonly waitUntil: (stored: Promise<unknown>) => void;
  /** Told of the texts found. */
  readonly onHits?: (texts: number) => void;
}

/** What comes again are queries, a few at a time; documents in bulk would only cost look-ups, of which a request may have a thousand. */
const MAX_TEXTS = 16;
/** Of one text: every output of some 250 tokens of BGE-M3. */
const MAX_BYTES = 1024 * 1024;
const KEPT_SECONDS = 24 * 60 * 60;

/**
 * Answers each text from the cache where it is there, without tokenising or computing anything, and leaves there what was computed. Keys are
 * digests of the model's fingerprint, the tenant, what is asked for, and the text.
 *
 * @see https://developers.cloudflare.com/workers/runtime-apis/cache/ no effect on *.workers.dev: there every lookup is a miss.
 */
export function withAnswerCache(
  embedder: Embedder,
  store: AnswerStore,
  { tenant, waitUntil, onHits }: AnswerCacheOptions,
): Embedder {
  const read = async (key: string): Promise<Embedding | undefined> => {
    const response = await store.match(key).catch(() => undefined);
    return response && unpackEmbedding(await response.arrayBuffer());
  };
  const write = async (key: string, embedding: Embedding): Promise<void> => {
    const packed = packEmbedding(embedding);
    if (packed.byteLength > MAX_BYTES) return;
    const headers = { 'cache-control': `max-age=${KEPT_SECONDS}`, 'content-type': 'application/octet-stream' };
    await store.put(key, new Response(packed, { headers })).catch(() => {}); // the answer is none the worse for it
  };

  return decoratedEmbedder(embedder, async function* (texts, options, signal) {
    // Who watches the layers wants them to run.
    if (texts.length > MAX_TEXTS || options.onLayer) {
      yield* embedder.embedEach(texts, options, signal);
      return;
    }
    const keys = await Promise.all(texts.map((text) => keyOf(embedder.fingerprint, tenant, options, text)));
    const found = await Promise.all(keys.map(read));
    const missing = texts.flatMap((_, index) => (found[index] ? [] : [index]));
    onHits?.(texts.length - missing.length);

    const computed = embedder.embedEach(
      missing.map((index) => texts[index]!),
      { ...options, paramOf: (index) => (options.paramOf ?? defaultParam)(missing[index]!) },
      signal,
    );
    try {
      // What is refused is refused before the first answer, also where that is at hand.
      let next = missing.length > 0 ? await computed.next() : undefined;
      for (const [index, hit] of found.entries()) {
        if (hit) {
          yield hit;
          continue;
        }
        next ??= await computed.next();
        const embedding: Embedding = next.value;
        next = undefined;
        if (!embedding.colbertBlocks) waitUntil(write(keys[index]!, embedding));
        yield embedding;
      }
    } finally {
      await computed.return(undefined);
    }
  });
}

const defaultParam = (index: number) => `texts[${index}]`;

/** The host is any that cannot exist: a cache looks at the URL alone. */
async function keyOf(fingerprint: string, tenant: string, options: EmbedOptions, text: string): Promise<string> {
  const { dense, sparse, colbert, hiddenState, maxTokens, truncate, truncationSide, pooling, normalize, instruction } =
    options;
  const parameters = [
    [dense, sparse, colbert, hiddenState].map(Boolean),
    [maxTokens, truncate, truncationSide, pooling, normalize, instruction],
  ];
  const described = new TextEncoder().encode(JSON.stringify([fingerprint, tenant, parameters, text]));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', described));
  return `https://answers.m3edge.invalid/${Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
