import type { Architecture } from '../format/architecture.ts';

/** What one integer operation of attention costs in those of the linear layers: small tiles, and an exponential for each score. */
const ATTENTION_FACTOR = 2.3;
/** The ColBERT head is computed in float32. */
const COLBERT_FACTOR = 4;

/**
 * Work of texts in passes, counted in multiplications and additions of the linear layers: clocks stand still during compute in deployed
 * Workers, so time is predicted from work. Factors are measured: bench/README.md.
 *
 * @param textTokens Tokens of each text; attention runs inside each.
 */
export function countOperations(architecture: Architecture, textTokens: readonly number[], colbert: boolean): number {
  const { hiddenSize, intermediateSize, layerCount, colbertSize } = architecture;
  const linearPerToken = 2 * (4 * hiddenSize * hiddenSize + 2 * hiddenSize * intermediateSize);
  const colbertPerToken = colbert ? COLBERT_FACTOR * 2 * hiddenSize * colbertSize : 0;
  let operations = 0;
  for (const tokens of textTokens) {
    const attention = ATTENTION_FACTOR * 4 * tokens * tokens * hiddenSize;
    operations += layerCount * (tokens * linearPerToken + attention) + tokens * colbertPerToken;
  }
  return operations;
}
