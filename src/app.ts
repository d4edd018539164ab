import { Hono } from 'hono';
import { ServiceError } from './errors.ts';
import { crossOrigin } from './routes/cross-origin.ts';
import type { AppEnv, RouteDeps } from './routes/deps.ts';
import { docsRoutes } from './routes/docs.ts';
import { documentRoutes } from './routes/documents.ts';
import { errorHandler, nativeError } from './routes/error-response.ts';
import { createMetrics } from './routes/metrics.ts';
import { nativeRoutes } from './routes/native.ts';
import { observe } from './routes/observe.ts';
import { openAiError, openAiRoutes } from './routes/openai.ts';
import { opsRoutes } from './routes/ops.ts';
import { pageRoutes } from './routes/page.ts';
import { reembedRoutes } from './routes/reembed.ts';
import { rerankRoutes } from './routes/rerank.ts';
import { searchRoutes } from './routes/search.ts';
import { teiRoutes } from './routes/tei.ts';
import { workersAiRoutes } from './routes/workers-ai.ts';

/** All routes over one embedder. */
export function createApp(deps: RouteDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  const metrics = createMetrics();
  app.use(observe(deps, metrics), crossOrigin(deps.corsOrigins));
  const answerError = errorHandler(deps.log, (error, requestId, c) =>
    c.req.path.startsWith('/v1/') ? openAiError(error) : nativeError(error, requestId),
  );
  app.onError(answerError);
  app.notFound((c) =>
    answerError(new ServiceError('not_found', `there is no ${c.req.method} route here; docs/api.md lists them`), c),
  );

  app.route('/', pageRoutes(deps));
  app.route('/', opsRoutes(deps, metrics));
  const dialects = [nativeRoutes, openAiRoutes, teiRoutes, rerankRoutes, workersAiRoutes];
  for (const routes of [...dialects, documentRoutes, searchRoutes, reembedRoutes, docsRoutes])
    app.route('/', routes(deps));
  return app;
}
