import { parseHint } from '../documents/hints.ts';
import { parkDocuments } from '../documents/outbox.ts';
import { planPage } from '../documents/plan.ts';
import { type OwnSet, openSet, switchWhenComplete } from '../documents/vector-sets.ts';
import { ServiceError } from '../errors.ts';
import type { JobDeps } from './deps.ts';
import { embedDocuments, MAX_ATTEMPTS } from './embed-documents.ts';
import { hintWaiting } from './plan.ts';

/** A message of a queue, as far as it is used. */
export interface QueueMessage {
  readonly body: unknown;
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
}

/** Before a queue's message comes again where nothing could be done. */
const OUTAGE_SECONDS = 30;

/**
 * Embeds the documents that messages name. Each message is acknowledged by itself, after its document is written; one whose document is embedded already, or in
 * other hands, or gone, is acknowledged too: the database knows what is left.
 */
export async function consumeHints(deps: JobDeps, messages: readonly QueueMessage[]): Promise<void> {
  const byKey = sortMessages(deps, messages);
  if (byKey.size === 0) return;
  const retryAll = (seconds: number) => {
    for (const message of [...byKey.values()].flat()) message.retry({ delaySeconds: seconds });
  };
  try {
    const startedMs = Date.now();
    const embedder = await deps.getEmbedder();
    const set = await openPlannedSet(deps, embedder.fingerprint);
    const { settled, retryAfterSeconds, embedded, failed } = await embedDocuments(deps, embedder, set, [
      ...byKey.keys(),
    ]);
    for (const [key, same] of byKey) {
      for (const message of same) {
        if (settled.has(key)) message.ack();
        else message.retry({ delaySeconds: retryAfterSeconds.get(key) ?? OUTAGE_SECONDS });
      }
    }
    deps.log({ level: 'info', event: 'reembed', documents: byKey.size, embedded, failed, ms: Date.now() - startedMs });
    await hintWaiting(deps, set, deps.leaseSeconds);
    if (!set.isServing) await switchWhenComplete(deps.database, set);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    deps.log({
      level: 'error',
      event: 'reembed',
      message,
      code: error instanceof ServiceError ? error.code : undefined,
    });
    retryAll(OUTAGE_SECONDS);
  }
}

/** Messages that came too often: what they name and is still not embedded has failed, if its own attempts are used up. */
export async function consumeDeadHints(deps: JobDeps, messages: readonly QueueMessage[]): Promise<void> {
  const byKey = sortMessages(deps, messages);
  if (byKey.size === 0) return;
  const set = await openSet(deps.database, (await deps.getEmbedder()).fingerprint);
  const reason = `its consumer came to no end, ${MAX_ATTEMPTS} times`;
  await parkDocuments(deps.database, set.id, [...byKey.keys()], MAX_ATTEMPTS, reason);
  for (const message of [...byKey.values()].flat()) message.ack();
}

/** By document. What is no hint is acknowledged and reported: it would never become one. */
function sortMessages(deps: JobDeps, messages: readonly QueueMessage[]): ReadonlyMap<number, readonly QueueMessage[]> {
  const byKey = new Map<number, QueueMessage[]>();
  let invalid = 0;
  for (const message of messages) {
    const hint = parseHint(message.body);
    if (hint) byKey.set(hint.document, [...(byKey.get(hint.document) ?? []), message]);
    else {
      invalid++;
      message.ack();
    }
  }
  if (invalid > 0) deps.log({ level: 'warn', event: 'reembed_invalid_messages', messages: invalid });
  return byKey;
}

/** A new set lacks promises for the documents that were there before it. */
async function openPlannedSet(deps: JobDeps, fingerprint: string): Promise<OwnSet> {
  const set = await openSet(deps.database, fingerprint);
  if (!set.isPlanned) await planPage(deps.database, set);
  return set;
}
