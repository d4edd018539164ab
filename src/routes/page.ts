import { Hono } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { AppEnv, RouteDeps } from './deps.ts';

/** As scripts/build-page.ts names them, by their content: `page-3FA2B1C0.js`. */
const FILE_NAME = /^[a-z]+-[A-Z0-9]{8}\.(js|css)$/;
const INDEX = '';
/** Of the page's own origin, and only what it needs: no other host, no inline code, no frame around it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** The page, to browsers; whoever else asks for `/`, and where no page was staged, gets what the routes after these say. Needs no key. */
export function pageRoutes({ readPage }: RouteDeps) {
  const routes = new Hono<AppEnv>();
  if (!readPage) return routes;

  const index = createMiddleware<AppEnv>(async (c, next) => {
    if (!c.req.header('accept')?.includes('text/html')) return next();
    const file = await readPage(INDEX);
    if (!file.ok) return next();
    const headers = {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
      vary: 'accept',
    };
    return new Response(file.body, { headers });
  });
  routes.get('/', index);

  routes.get('/page/:file', async (c) => {
    const name = FILE_NAME.exec(c.req.param('file'));
    const file = name && (await readPage(name[0]));
    if (!file?.ok) return c.notFound();
    const headers = {
      'content-type': name![1] === 'js' ? 'text/javascript; charset=utf-8' : 'text/css; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'cache-control': 'public, max-age=31536000, immutable', // another content has another name
    };
    return new Response(file.body, { headers });
  });

  return routes;
}
