import { groupByBytes } from '../documents/document-store.ts';
import {
  type Claim,
  type ClaimedDocument,
  claimDocuments,
  findWaiting,
  noteFailure,
  releaseDocuments,
  type WaitingDocument,
} from '../documents/outbox.ts';
import { noteUnwanted } from '../documents/removals.ts';
import { putIntoD1 } from '../documents/sinks/d1-sink.ts';
import { externalIdOf, type VectorRecord } from '../documents/sinks/sink.ts';
import type { VectorSet } from '../documents/stored-vectors.ts';
import type { Embedder } from '../embedder.ts';
import { ServiceError } from '../errors.ts';
import type { JobDeps } from './deps.ts';
import { embedOrExplain } from './embed-or-explain.ts';

/** What has become of documents. */
export interface Outcome {
  /** Embedded, or parked, or no longer ours to embed: nothing more is to be done about them now. */
  readonly settled: ReadonlySet<number>;
  readonly embedded: number;
  readonly failed: number;
  /** Of the others: when a new attempt makes sense. */
  readonly retryAfterSeconds: ReadonlyMap<number, number>;
}

/** Documents claimed at once: enough to fill a few passes, few enough to be lost with a consumer. */
const CHUNK_DOCUMENTS = 32;
/** Bytes of text claimed at once. */
const CHUNK_BYTES = 1024 * 1024;
/** A document that was claimed so often without coming to an end is claimed alone: it may be what ended the others' consumer. */
const SUSPECT_ATTEMPTS = 2;
/** Attempts after which a document has failed; as `max_retries` in wrangler.toml. */
export const MAX_ATTEMPTS = 5;
/** Wait after a failure that is not the document's, such as of the model's storage. */
const OUTAGE_SECONDS = 30;

/**
 * Embeds those of the documents that wait, and writes them into all stores, D1 last: what D1 has, all have.
 *
 * @throws ServiceError where D1 does not answer.
 */
export async function embedDocuments(
  deps: JobDeps,
  embedder: Embedder,
  set: VectorSet,
  keys: readonly number[],
): Promise<Outcome> {
  const { database, leaseSeconds } = deps;
  const settled = new Set(keys);
  const retryAfterSeconds = new Map<number, number>();
  const count = { embedded: 0, failed: 0 };
  const retry = (documents: readonly { readonly key: number }[], seconds: number): void => {
    for (const { key } of documents) {
      settled.delete(key);
      retryAfterSeconds.set(key, seconds);
    }
  };

  let cpuMs = deps.cpuMs / 2; // an estimate may be wrong
  const chunks = planChunks(await findWaiting(database, set.id, keys));
  for (const [index, chunk] of chunks.entries()) {
    const claim: Claim = { setId: set.id, token: crypto.randomUUID() };
    const claimed = await claimDocuments(
      database,
      claim,
      chunk.map(({ key }) => key),
      leaseSeconds,
    );
    if (claimed.length === 0) continue; // somebody was faster
    // A claim ends after `leaseSeconds`; a quarter of it leaves room for a CPU slower than estimated.
    const { now, later, estimatedMs } = cutByCost(claimed, embedder, Math.min(cpuMs, leaseSeconds * 250));
    cpuMs -= estimatedMs;
    if (later.length > 0) {
      await releaseDocuments(
        database,
        claim,
        later.map(({ key }) => key),
        0,
        null,
      );
      retry(later, 0);
    }
    try {
      const outcome = await embedClaimed(deps, embedder, set, claim, now);
      for (const { key, seconds } of outcome.again) retry([{ key }], seconds);
      count.embedded += outcome.embedded;
      count.failed += outcome.failed;
    } catch (error) {
      if (!(error instanceof Outage)) throw error;
      await releaseDocuments(
        database,
        claim,
        now.map(({ key }) => key),
        OUTAGE_SECONDS,
        error.message,
      );
      deps.log({ level: 'warn', event: 'reembed_outage', message: error.message });
      retry(now, OUTAGE_SECONDS);
      retry(chunks.slice(index + 1).flat(), OUTAGE_SECONDS);
      break;
    }
    if (cpuMs <= 0) {
      retry(chunks.slice(index + 1).flat(), 0);
      break;
    }
  }
  return { settled, retryAfterSeconds, ...count };
}

/** A failure that is no document's. */
class Outage extends Error {
  override name = 'Outage';
}

interface ClaimedOutcome {
  readonly embedded: number;
  readonly failed: number;
  readonly again: readonly { readonly key: number; readonly seconds: number }[];
}

async function embedClaimed(
  deps: JobDeps,
  embedder: Embedder,
  set: VectorSet,
  claim: Claim,
  documents: readonly ClaimedDocument[],
): Promise<ClaimedOutcome> {
  const { database, sinks } = deps;
  const results = await embedOrExplain(embedder, documents, deps.keepColbert, deps.log).catch((error) => {
    throw new Outage(error instanceof ServiceError ? `${error.code}: ${error.message}` : 'the engine failed');
  });
  const records: VectorRecord[] = [];
  const again: { key: number; seconds: number }[] = [];
  let failed = 0;
  for (const [index, result] of results.entries()) {
    const document = documents[index]!;
    if ('embedding' in result) {
      const externalId = await externalIdOf(document, set);
      records.push({ document, fingerprint: set.fingerprint, externalId, embedding: result.embedding });
      continue;
    }
    const { key, attempts } = document;
    const isOver = result.isFinal || attempts >= MAX_ATTEMPTS;
    const seconds = Math.min(deps.leaseSeconds, 5 * 2 ** attempts);
    await noteFailure(database, claim, key, result.reason, isOver ? 'never' : { retryAfterSeconds: seconds });
    if (isOver) failed++;
    else again.push({ key, seconds });
  }
  for (const sink of sinks) {
    await sink.put(records).catch((cause) => {
      throw new Outage(`${sink.name} does not take vectors: ${cause instanceof Error ? cause.message : cause}`);
    });
  }
  const { colbertSize } = embedder.manifest.architecture;
  const hasOthers = sinks.length > 0;
  const written = await putIntoD1(database, claim, records, { hasOthers, colbertSize });
  if (hasOthers) {
    await noteUnwanted(
      database,
      records.filter(({ document }) => !written.has(document.key)),
    );
  }
  return { embedded: written.size, failed, again };
}

function planChunks(waiting: readonly WaitingDocument[]): WaitingDocument[][] {
  const fresh = waiting.filter(({ attempts }) => attempts < SUSPECT_ATTEMPTS);
  const suspects = waiting.filter(({ attempts }) => attempts >= SUSPECT_ATTEMPTS);
  return [...groupByBytes(fresh, CHUNK_DOCUMENTS, CHUNK_BYTES), ...suspects.map((document) => [document])];
}

/** As many documents, in their order, as take `budgetMs`; at least one. */
function cutByCost(documents: readonly ClaimedDocument[], embedder: Embedder, budgetMs: number) {
  let estimatedMs = 0;
  let count = 0;
  for (const { text } of documents) {
    const { cpuMs } = embedder.estimate([text], { dense: true, sparse: true, truncate: true });
    if (count > 0 && estimatedMs + cpuMs > budgetMs) break;
    estimatedMs += cpuMs;
    count++;
  }
  return { now: documents.slice(0, count), later: documents.slice(count), estimatedMs };
}
