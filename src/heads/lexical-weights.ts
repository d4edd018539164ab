/**
 * Sparse output: per token id the largest weight over its repeats, where that is above 0.
 *
 * @param ids Token ids of one text.
 * @param weights One number a token, before ReLU.
 * @param dropped Ids that carry no words: those of `<s>`, `<pad>`, `</s>`, `<unk>`.
 * @returns Ids ascending.
 * @see FlagEmbedding `BGEM3FlagModel._process_token_weights`
 */
export function lexicalWeights(
  ids: Uint32Array,
  weights: Float32Array,
  dropped: ReadonlySet<number>,
): Map<number, number> {
  const largest = new Map<number, number>();
  ids.forEach((id, token) => {
    const weight = weights[token]!;
    if (weight > (largest.get(id) ?? 0) && !dropped.has(id)) largest.set(id, weight);
  });
  return new Map([...largest].sort(([a], [b]) => a - b));
}
