import type { Embedding } from '../../src/embedder.ts';
import type { GoldenText, PeerFigures } from './golden-types.ts';

/** What quantisation cost, in the peer's terms; each is better the smaller it is. */
export interface Errors {
  /** 1 - cosine with the float32 output. */
  readonly denseMean: number;
  readonly denseWorst: number;
  readonly colbertMean: number;
  readonly colbertWorst: number;
  readonly sparseLargest: number;
}

export function errorsOf(texts: readonly GoldenText[], embeddings: readonly Embedding[], colbertSize: number): Errors {
  const dense = texts.map((golden, i) => 1 - cosine(embeddings[i]!.dense!, golden.dense));
  const colbert = texts.map(
    (golden, i) => 1 - cosine(embeddings[i]!.colbert!.subarray(0, colbertSize), golden.colbert_first),
  );
  const sparse = texts.map((golden, i) => sparseDifference(embeddings[i]!.lexicalWeights!, golden.sparse));
  return {
    denseMean: mean(dense),
    denseWorst: Math.max(...dense),
    colbertMean: mean(colbert),
    colbertWorst: Math.max(...colbert),
    sparseLargest: Math.max(...sparse),
  };
}

export function peerErrors(peer: PeerFigures): Errors {
  return {
    denseMean: 1 - peer.dense_cos_mean,
    denseWorst: 1 - peer.dense_cos_min,
    colbertMean: 1 - peer.colbert_first_cos_mean,
    colbertWorst: 1 - peer.colbert_first_cos_min,
    sparseLargest: peer.sparse_max_abs_diff,
  };
}

/** Largest difference of any weight, one that only one side has counting whole. */
export function sparseDifference(
  weights: ReadonlyMap<number, number>,
  golden: Readonly<Record<string, number>>,
): number {
  const ids = new Set([...weights.keys(), ...Object.keys(golden).map(Number)]);
  return Math.max(0, ...[...ids].map((id) => Math.abs((weights.get(id) ?? 0) - (golden[id] ?? 0))));
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}
