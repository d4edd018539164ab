import { sendHints } from '../documents/hints.ts';
import { withLease } from '../documents/leases.ts';
import { takeHints } from '../documents/outbox.ts';
import { planPage, restartPlan } from '../documents/plan.ts';
import type { PlanReport } from '../documents/reembedding.ts';
import { removeOutside } from '../documents/removals.ts';
import { type OwnSet, openSet, sweepSome, switchWhenComplete } from '../documents/vector-sets.ts';
import type { JobDeps } from './deps.ts';
import { embedDocuments } from './embed-documents.ts';

/** Pages of documents compared in one run: 100,000 documents. */
const MAX_PAGES = 50;
/** Messages of a set under way at once; consumers send the next ones. */
const MAX_HINTS = 1000;
/** Statements of sweeping, and of removals outside, in one run. */
const MAX_SWEEPS = 20;

/**
 * One run of the plan: compares documents with vectors, sends messages to what waits, takes away what is of no more use, and lets readers change to a set that
 * is complete. Everything may be done twice or stop anywhere.
 *
 * @param options.isUrgent Begins with the first document, and waits for no message that may be lost.
 * @returns undefined where another run is under way.
 */
export async function runPlan(
  deps: JobDeps,
  { isUrgent = false }: { readonly isUrgent?: boolean } = {},
): Promise<PlanReport | undefined> {
  const { database, leaseSeconds, sinks } = deps;
  const { fingerprint } = await deps.getEmbedder();
  const set = await openSet(database, fingerprint);
  return withLease(database, `plan ${set.id}`, leaseSeconds, async () => {
    if (isUrgent) await restartPlan(database, set);
    await repeat(MAX_PAGES, async () => !(await planPage(database, set)));
    const hinted = await hintWaiting(deps, set, isUrgent ? 0 : leaseSeconds);
    await repeat(MAX_SWEEPS, () => sweepSome(database, set));
    await repeat(MAX_SWEEPS, async () => (await removeOutside(database, sinks)) > 0);
    return { hinted, switched: await switchWhenComplete(database, set) };
  });
}

/**
 * Sends messages to documents that wait. Without a queue they are embedded here and now, as many as one call may.
 *
 * @param seconds After which a message that was sent counts as lost.
 */
export async function hintWaiting(deps: JobDeps, set: OwnSet, seconds: number): Promise<number> {
  const { database, queue } = deps;
  const keys = await takeHints(database, set.id, seconds, MAX_HINTS);
  if (keys.length === 0) return 0;
  if (queue) {
    await sendHints(queue, keys).catch((error) => {
      const message = error instanceof Error ? error.message : String(error);
      deps.log({ level: 'warn', event: 'reembed_queue', documents: keys.length, message }); // a later run sends them again
    });
  } else {
    await embedDocuments(deps, await deps.getEmbedder(), set, keys);
  }
  return keys.length;
}

/** Does it so often, or until it says that nothing is left. */
async function repeat(most: number, step: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < most; i++) if (!(await step())) return;
}
