import { decoratedEmbedder } from './decorated-embedder.ts';
import type { Embedder, EmbedTimes } from './embedder.ts';

/** What one request has taken so far. */
export interface Meter {
  texts: number;
  /** UTF-16 units of the texts. */
  characters: number;
  /** `<s>` and `</s>` included. */
  tokens: number;
  /** Texts whose answer was in the cache. */
  cachedTexts: number;
  tokenizeMs: number;
  queueMs: number;
  inferenceMs: number;
}

export function createMeter(): Meter {
  return {
    texts: 0,
    characters: 0,
    tokens: 0,
    cachedTexts: 0,
    tokenizeMs: 0,
    queueMs: 0,
    inferenceMs: 0,
  };
}

export function addTimes(meter: Meter, { tokenizeMs = 0, queueMs = 0, inferenceMs = 0 }: EmbedTimes): void {
  meter.tokenizeMs += tokenizeMs;
  meter.queueMs += queueMs;
  meter.inferenceMs += inferenceMs;
}

/**
 * Counts what the embedder is asked for and what it gives.
 *
 * @param onText Told the tokens of each text as it is ready, which of a streamed answer is after its start.
 */
export function withMeter(embedder: Embedder, meter: Meter, onText: (tokens: number) => void): Embedder {
  return decoratedEmbedder(embedder, async function* (texts, options, signal) {
    meter.texts += texts.length;
    for (const text of texts) meter.characters += text.length;
    const onTimes = (times: EmbedTimes) => addTimes(meter, times);
    for await (const embedding of embedder.embedEach(texts, { ...options, onTimes }, signal)) {
      meter.tokens += embedding.tokenIds.length;
      onText(embedding.tokenIds.length);
      yield embedding;
    }
  });
}

/** What a caller pays with. */
export interface Purse {
  take(tokens: number): Promise<void>;
  giveBack(tokens: number): Promise<void>;
}

/** Pays for all tokens before any is computed; what then fails is given back. */
export function withPurse(embedder: Embedder, purse: Purse): Embedder {
  return decoratedEmbedder(embedder, async function* (texts, options, signal) {
    const tokens = embedder.estimate(texts, options).tokens.reduce((sum, count) => sum + count, 0);
    await purse.take(tokens);
    let owed = tokens;
    try {
      for await (const embedding of embedder.embedEach(texts, options, signal)) {
        owed -= embedding.tokenIds.length;
        yield embedding;
      }
    } catch (error) {
      await purse.giveBack(owed);
      throw error;
    }
  });
}
