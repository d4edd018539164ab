import { Hono } from 'hono';
import { ServiceError } from './errors.ts';
import type { AppEnv, RouteDeps } from './routes/deps.ts';
import { errorResponse, toServiceError } from './routes/error-response.ts';
import { nativeRoutes } from './routes/native.ts';
import { opsRoutes } from './routes/ops.ts';

/** An id of the caller's own that is safe to print and log. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;
/** nginx's word for a caller that left before its answer; nobody sees it but logs. */
const CLIENT_CLOSED_REQUEST = 499;

/** All routes over one embedder. */
export function createApp(deps: RouteDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>();

  app.use(async (c, next) => {
    const given = c.req.header('x-request-id');
    const requestId = given && REQUEST_ID.test(given) ? given : crypto.randomUUID();
    c.set('requestId', requestId);
    await next();
    c.header('x-request-id', requestId);
  });

  app.onError((error, c) => {
    if (c.req.raw.signal.aborted) return new Response(null, { status: CLIENT_CLOSED_REQUEST });
    const requestId = c.get('requestId');
    return errorResponse(toServiceError(error, requestId, deps.log), requestId);
  });
  app.notFound((c) => {
    const error = new ServiceError('not_found', `there is no ${c.req.method} route here; docs/api.md lists them`);
    return errorResponse(error, c.get('requestId'));
  });

  app.route('/', opsRoutes(deps));
  app.route('/', nativeRoutes(deps));
  return app;
}
