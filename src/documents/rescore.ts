import { planPasses } from '../engine/pass-plan.ts';
import type { MaxSim } from '../kernel/max-sim.ts';
import { combineScores, type ModeWeights } from '../scoring/scoring.ts';
import type { SearchScope } from './candidates.ts';
import type { Database } from './database.ts';
import type { Hit } from './search.ts';
import { readVectors } from './stored-vectors.ts';

export interface RescoreOptions {
  readonly weights: ModeWeights;
  /** Floats a ColBERT row. */
  readonly colbertSize: number;
  /** An embedder's. */
  readonly maxSim: MaxSim;
  /** ColBERT rows of documents that have none stored; those that have gone meanwhile are left out. */
  readonly embedRows: (documents: readonly number[]) => AsyncIterable<readonly [document: number, rows: Float32Array]>;
}

/** Rows read at once: of BGE-M3 8 MB, or those of one document. */
const PAGE_TOKENS = 2048;

/**
 * The hits with their ColBERT scores too: from stored rows where there are any, otherwise from rows that are made for it.
 *
 * @param rows The query's.
 */
export async function rescore(
  db: Database,
  { set, tenant }: SearchScope,
  rows: Float32Array,
  hits: readonly Hit[],
  { weights, colbertSize, maxSim, embedRows }: RescoreOptions,
): Promise<Hit[]> {
  const scores = new Map<number, number>();
  const pages = planPasses(
    hits.map(({ tokens }) => tokens),
    PAGE_TOKENS,
  );
  for (const page of pages) {
    const keys = page.map((index) => hits[index]!.document);
    for (const { document, colbert } of await readVectors(db, set, tenant, keys, colbertSize)) {
      if (colbert) scores.set(document, maxSim(rows, colbert));
    }
  }
  const others = hits.map(({ document }) => document).filter((document) => !scores.has(document));
  if (others.length > 0) {
    for await (const [document, made] of embedRows(others)) scores.set(document, maxSim(rows, made));
  }
  return hits.flatMap((hit) => {
    const colbert = scores.get(hit.document);
    if (colbert === undefined) return [];
    const { dense, sparse } = hit.scores;
    return [{ ...hit, scores: { dense, sparse, colbert, ...combineScores(dense, sparse, colbert, weights) } }];
  });
}
