import type { ClaimedDocument } from '../documents/outbox.ts';
import type { Embedder, Embedding } from '../embedder.ts';
import { type ErrorCode, ServiceError } from '../errors.ts';
import type { JobDeps } from './deps.ts';

/** Of one document. */
export type EmbedResult =
  | { readonly embedding: Embedding }
  /** `isFinal`: it would be the same every time. */
  | { readonly reason: string; readonly isFinal: boolean };

/** Failures that no document is to blame for. */
const OUTAGES: readonly ErrorCode[] = [
  'overloaded',
  'rate_limited',
  'model_shard_missing',
  'model_shard_corrupt',
  'model_unavailable',
  'store_unavailable',
];
/** Failures that follow from the text alone. */
const FINAL: readonly ErrorCode[] = [
  'empty_input',
  'input_too_long',
  'batch_too_large',
  'budget_exceeded',
  'bad_request',
];

/**
 * Embeds documents together. Where that fails, those to blame are found by halves, and the others are embedded without them.
 *
 * @returns As many as documents.
 * @throws ServiceError of OUTAGES.
 */
export async function embedOrExplain(
  embedder: Embedder,
  documents: readonly ClaimedDocument[],
  colbert: boolean,
  log: JobDeps['log'],
): Promise<EmbedResult[]> {
  if (documents.length === 0) return [];
  try {
    const texts = documents.map(({ text }) => text);
    const paramOf = () => 'text';
    const embeddings = await embedder.embed(texts, { dense: true, sparse: true, colbert, paramOf });
    for (const embedding of embeddings) checkFinite(embedding);
    return embeddings.map((embedding) => ({ embedding }));
  } catch (error) {
    if (error instanceof ServiceError && OUTAGES.includes(error.code)) throw error;
    if (documents.length === 1) return [explain(error, log)];
    const half = documents.length >> 1;
    return [
      ...(await embedOrExplain(embedder, documents.slice(0, half), colbert, log)),
      ...(await embedOrExplain(embedder, documents.slice(half), colbert, log)),
    ];
  }
}

function checkFinite({ dense, lexicalWeights }: Embedding): void {
  if (dense!.every(Number.isFinite) && [...lexicalWeights!.values()].every(Number.isFinite)) return;
  throw new ServiceError('engine_numeric', 'the model gave a number that is not finite');
}

function explain(error: unknown, log: JobDeps['log']): EmbedResult {
  if (error instanceof ServiceError) {
    return { reason: `${error.code}: ${error.message}`, isFinal: FINAL.includes(error.code) };
  }
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  log({ level: 'error', event: 'reembed', name, message, stack });
  return { reason: 'internal: the engine failed', isFinal: false };
}
