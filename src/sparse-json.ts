import { shortestFloat32 } from './float32-text.ts';
import type { Tokenizer } from './tokenizer/tokenizer.ts';

/** How lexical weights are printed; docs/api.md describes each. */
export const SPARSE_FORMATS = ['dict', 'indices_values', 'tei', 'tokens', 'pgvector'] as const;
export type SparseFormat = (typeof SPARSE_FORMATS)[number];

/**
 * Lexical weights as JSON.
 *
 * @param weights Ids ascending, as every store that asks for an order wants them.
 */
export function sparseJson(
  weights: ReadonlyMap<number, number>,
  format: SparseFormat,
  tokenizer: Pick<Tokenizer, 'decode' | 'vocabularySize'>,
): string {
  if (format === 'dict') return lexicalWeightsJson(weights);
  const entries = [...weights].map(([id, weight]) => [id, shortestFloat32(weight)] as const);
  switch (format) {
    case 'indices_values':
      return `{"indices":[${entries.map(([id]) => id)}],"values":[${entries.map(([, weight]) => weight)}]}`;
    case 'tei':
      return `[${entries.map(([id, weight]) => `{"index":${id},"value":${weight}}`)}]`;
    case 'tokens':
      return JSON.stringify(entries.map(([id, weight]) => ({ token_id: id, token: tokenizer.decode([id]), weight })));
    case 'pgvector':
      // sparsevec counts from 1.
      return `"{${entries.map(([id, weight]) => `${id + 1}:${weight}`)}}/${tokenizer.vocabularySize}"`;
  }
}

/** `{"83":0.081,"4865":0.083}`, keys in the map's own order. */
export function lexicalWeightsJson(weights: ReadonlyMap<number, number>): string {
  return `{${[...weights].map(([id, weight]) => `"${id}":${shortestFloat32(weight)}`).join()}}`;
}
