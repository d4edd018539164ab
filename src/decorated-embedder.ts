import type { Embedder, Embedding } from './embedder.ts';

/** An embedder that gives its texts to `embedEach`, whichever way it is asked. */
export function decoratedEmbedder(embedder: Embedder, embedEach: Embedder['embedEach']): Embedder {
  return {
    ...embedder,
    embedEach,
    async embed(texts, options, signal) {
      const embeddings: Embedding[] = [];
      for await (const embedding of embedEach(texts, options, signal)) embeddings.push(embedding);
      return embeddings;
    },
  };
}
