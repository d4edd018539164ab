import type { AnswerStore } from '../../src/answer-cache.ts';

/** The part of the platform's cache that is used, in memory. */
export function memoryCache(): AnswerStore & { readonly answers: Map<string, ArrayBuffer> } {
  const answers = new Map<string, ArrayBuffer>();
  return {
    answers,
    async match(key) {
      const bytes = answers.get(String(key));
      return bytes && new Response(bytes.slice(0));
    },
    async put(key, response) {
      answers.set(String(key), await response.arrayBuffer());
    },
  };
}
