import { Hono } from 'hono';
import type { InferOutput } from 'valibot';
import {
  contentHash,
  type DocumentSummary,
  deleteDocument,
  exportDocuments,
  getDocument,
  listDocuments,
  type NewDocument,
  putDocuments,
} from '../documents/document-store.ts';
import { sendHints } from '../documents/hints.ts';
import type { Reembedding } from '../documents/reembedding.ts';
import { ServiceError } from '../errors.ts';
import type { AppEnv, RouteDeps } from './deps.ts';
import {
  type DocumentAnswer,
  DocumentId,
  deleteOne,
  getOne,
  type ImportAnswer,
  importMany,
  type ListAnswer,
  ListQuery,
  listStored,
  type PutAnswer,
  putOne,
} from './documents-schema.ts';
import { errorHandler, type Log, nativeError } from './error-response.ts';
import { importLines } from './import-lines.ts';
import { checkBodyHeaders, readJsonBody } from './json-body.ts';
import { needDatabase } from './need-database.ts';
import { serve } from './operation.ts';
import { parseRequest } from './parse-request.ts';
import { textStream } from './text-stream.ts';

/** The store of documents: docs/documents.md. What another tenant has is not there. */
export function documentRoutes(deps: RouteDeps) {
  const { access, log } = deps;
  const routes = new Hono<AppEnv>();
  routes.onError(errorHandler(log, nativeError));

  serve(routes, importMany, access, async (c) => {
    const { db, reembedding } = needDatabase(deps);
    checkBodyHeaders(c.req.raw.headers, 'application/x-ndjson');
    if (!c.req.raw.body) throw new ServiceError('bad_request', 'the body is empty');
    const { lastKey, ...report } = await importLines(db, c.var.caller.tenant, c.req.raw.body);
    // One message is enough to begin: consumers send the next ones.
    if (lastKey !== undefined) await hint(reembedding, [lastKey], log);
    return c.json(report satisfies InferOutput<typeof ImportAnswer>);
  });

  serve(routes, listStored, access, async (c) => {
    const { db, reembedding } = needDatabase(deps);
    if ((c.req.header('accept') ?? '').includes('application/x-ndjson')) {
      const lines = exportLines(exportDocuments(db, c.var.caller.tenant));
      return c.body(textStream(lines), 200, { 'content-type': 'application/x-ndjson' });
    }
    const { state, after, limit } = parseRequest(ListQuery, c.req.query());
    const fingerprint = await reembedding.getFingerprint();
    const options = { state, after, limit: Number(limit) + 1 };
    const found = await listDocuments(db, fingerprint, c.var.caller.tenant, options);
    const page = found.slice(0, Number(limit));
    return c.json({
      documents: page.map(printSummary),
      next: found.length > page.length ? page.at(-1)!.id : null,
    } satisfies InferOutput<typeof ListAnswer>);
  });

  serve(routes, putOne, access, async (c) => {
    const { db, reembedding } = needDatabase(deps);
    const { id } = parseRequest(DocumentId, c.req.param());
    const { text, metadata } = parseRequest(putOne.request, await readJsonBody(c.req.raw));
    const keys = await putDocuments(db, c.var.caller.tenant, [{ id, text, metadata }]);
    await hint(reembedding, keys, log);
    const answer: InferOutput<typeof PutAnswer> = {
      id,
      content_hash: await contentHash(text),
      changed: keys.length > 0,
    };
    return c.json(answer, putOne.status);
  });

  serve(routes, getOne, access, async (c) => {
    const { db, reembedding } = needDatabase(deps);
    const { id } = parseRequest(DocumentId, c.req.param());
    const found = await getDocument(db, await reembedding.getFingerprint(), c.var.caller.tenant, id);
    if (!found) throw absent();
    const { text, metadata } = found;
    return c.json({ ...printSummary(found), text, metadata } satisfies InferOutput<typeof DocumentAnswer>);
  });

  serve(routes, deleteOne, access, async (c) => {
    const { db } = needDatabase(deps);
    const { id } = parseRequest(DocumentId, c.req.param());
    if (!(await deleteDocument(db, c.var.caller.tenant, id))) throw absent();
    return c.body(null, deleteOne.status);
  });

  return routes;
}

const absent = () => new ServiceError('not_found', 'there is no document with this id', { param: 'id' });

/** A message that is lost is no harm: the documents are in the database, and the cron finds them. */
async function hint({ queue }: Reembedding, keys: readonly number[], log: Log): Promise<void> {
  if (!queue) return;
  await sendHints(queue, keys).catch((error) => {
    log({ level: 'warn', event: 'reembed_queue', message: error instanceof Error ? error.message : String(error) });
  });
}

const printSummary = (document: DocumentSummary) => ({
  id: document.id,
  content_hash: document.contentHash,
  revision: document.revision,
  state: document.state,
  attempts: document.attempts,
  last_error: document.lastError,
  updated_at: new Date(1000 * document.updatedAt).toISOString(),
});

async function* exportLines(documents: AsyncIterable<NewDocument>): AsyncGenerator<string> {
  for await (const { id, text, metadata } of documents) yield `${JSON.stringify({ id, text, metadata })}\n`;
}
