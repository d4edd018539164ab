import { createHash } from 'node:crypto';
import type { Embedding } from '../../src/embedder.ts';

/** sha256 over every bit of an embedding. */
export function digestOf({ tokenIds, truncated, dense, lexicalWeights, colbert }: Embedding): string {
  const digest = createHash('sha256');
  const add = (values: Float32Array | Uint32Array) => {
    digest.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  };
  add(tokenIds);
  add(Uint32Array.of(truncated ? 1 : 0));
  if (dense) add(dense);
  if (lexicalWeights) {
    add(Uint32Array.from(lexicalWeights.keys()));
    add(Float32Array.from(lexicalWeights.values()));
  }
  if (colbert) add(colbert);
  return digest.digest('hex');
}
