import { Hono } from 'hono';
import type { InferOutput } from 'valibot';
import type { Database } from '../documents/database.ts';
import { retryFailed } from '../documents/outbox.ts';
import { readProgress } from '../documents/progress.ts';
import { servingSet } from '../documents/stored-vectors.ts';
import { openSet, rollBack, switchByHand } from '../documents/vector-sets.ts';
import { ServiceError } from '../errors.ts';
import type { AppEnv, RouteDeps } from './deps.ts';
import { type ReembedAnswer, reembed, reembedStatus, type StatusAnswer } from './documents-schema.ts';
import { errorHandler, nativeError } from './error-response.ts';
import { readJsonBody } from './json-body.ts';
import { needDatabase } from './need-database.ts';
import { serve } from './operation.ts';
import { parseRequest } from './parse-request.ts';

/** What operators do with the store as a whole: docs/documents.md. */
export function reembedRoutes(deps: RouteDeps) {
  const { access, log } = deps;
  const routes = new Hono<AppEnv>();
  routes.onError(errorHandler(log, nativeError));

  serve(routes, reembed, access, async (c) => {
    const { db, reembedding } = needDatabase(deps);
    const { action, retry_failed } = parseRequest(reembed.request, await readJsonBody(c.req.raw));
    const set = await openSet(db, await reembedding.getFingerprint());
    const retried = retry_failed ? await retryFailed(db, set.id) : 0;
    let switched = false;
    if (action === 'rollback') switched = await goBack(db);
    if (action === 'switch') switched = await goForward(db, set.fingerprint);
    const report = action === 'plan' ? await reembedding.run() : { hinted: 0, switched };
    const answer: InferOutput<typeof ReembedAnswer> = {
      started: report !== undefined,
      hinted: report?.hinted ?? 0,
      retried,
      switched: report?.switched ?? false,
      serving: (await servingSet(db))?.fingerprint ?? null,
    };
    return c.json(answer);
  });

  serve(routes, reembedStatus, access, async (c) => {
    const { db, reembedding } = needDatabase(deps);
    const fingerprint = await reembedding.getFingerprint();
    const progress = await readProgress(db, fingerprint);
    const { total, documentsPerMinute } = progress;
    const { embedded, failed } = progress.sets.find((set) => set.fingerprint === fingerprint) ?? NOTHING;
    const pending = Math.max(0, total - embedded - failed);
    const answer: InferOutput<typeof StatusAnswer> = {
      fingerprint,
      total,
      embedded,
      pending,
      failed,
      documents_per_minute: Math.round(documentsPerMinute),
      seconds_left:
        pending === 0 ? 0 : documentsPerMinute === 0 ? null : Math.ceil((60 * pending) / documentsPerMinute),
      serving: progress.servingFingerprint,
      previous: progress.previousFingerprint,
      sets: progress.sets.map(({ isServing, ...set }) => ({ ...set, serving: isServing })),
    };
    return c.json(answer);
  });

  return routes;
}

/** A set of which there is nothing yet. */
const NOTHING = { embedded: 0, failed: 0 };

const refused = (problem: string) => new ServiceError('bad_request', `action ${problem}`, { param: 'action' });

async function goBack(db: Database): Promise<boolean> {
  if (await rollBack(db)) return true;
  throw refused('rollback: there is no set to go back to');
}

async function goForward(db: Database, fingerprint: string): Promise<boolean> {
  const set = await openSet(db, fingerprint);
  if (set.isServing) return false;
  if (await switchByHand(db, set)) return true;
  throw refused('switch: documents still wait to be embedded; GET /reembed/status says how many');
}
