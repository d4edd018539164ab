import { Hono } from 'hono';
import type { AppEnv, RouteDeps } from './deps.ts';
import { docsPage } from './docs-page.ts';
import { openApiDocument } from './openapi.ts';

/** A description does not depend on whether the model can be served; only its examples name it. */
const MODEL_NAME = 'bge-m3';

/** What can be asked for, to programs at /openapi.json and to people at /docs. Neither needs a key. */
export function docsRoutes({ getEmbedder }: RouteDeps) {
  const routes = new Hono<AppEnv>();
  const describe = async () => {
    const name = await getEmbedder().then(
      ({ manifest }) => manifest.model.name,
      () => MODEL_NAME,
    );
    return openApiDocument(name);
  };

  routes.get('/openapi.json', async (c) => c.json(await describe()));

  routes.get('/docs', async (c) => {
    const nonce = crypto.randomUUID();
    c.header(
      'content-security-policy',
      `default-src 'none'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    c.header('x-content-type-options', 'nosniff');
    c.header('referrer-policy', 'no-referrer');
    return c.html(docsPage(await describe(), new URL(c.req.url).origin, nonce));
  });

  return routes;
}
