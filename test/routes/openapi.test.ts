import { Validator } from '@seriousme/openapi-schema-validator';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { OPERATIONS, type OpenApiOperation, openApiDocument } from '../../src/routes/openapi.ts';
import { appUnderTest } from '../support/call-app.ts';
import { modelDirectory, openModel } from '../support/models.ts';
import { documentDeps } from '../support/sqlite-database.ts';

const embedder = await openModel(modelDirectory('micro-m3', 'q8'));
const { app, send } = appUnderTest(async () => embedder, documentDeps(embedder));
const { json: document } = await send('/openapi.json');

interface Example {
  readonly method: string;
  readonly path: string;
  readonly name: string;
  readonly mediaType?: string;
  readonly value?: unknown;
}
/** Every operation of the document with each of its examples; one without a body has one. */
const examples = Object.entries<Record<string, OpenApiOperation>>(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).flatMap(([method, { requestBody }]): Example[] => {
    if (!requestBody) return [{ method, path, name: 'no body' }];
    return Object.entries(requestBody.content).flatMap(([mediaType, { examples }]) =>
      Object.entries(examples).map(([name, { value }]) => ({ method, path, name, mediaType, value })),
    );
  }),
);
const operationOf = (method: string, path: string) =>
  OPERATIONS.find((operation) => operation.method === method && operation.paths.includes(path.replace('{id}', ':id')))!;
/** The example's own `value`, or another. */
const ask = ({ method, path, mediaType, value }: Example) => {
  const { parameters } = document.paths[path][method] as OpenApiOperation;
  const filled = path.replaceAll(
    /\{(\w+)\}/g,
    (_, name) => parameters!.find((parameter) => parameter.name === name)!.example!,
  );
  return send(filled, {
    method: method.toUpperCase(),
    ...(mediaType && {
      headers: { 'content-type': mediaType },
      body: typeof value === 'string' ? value : JSON.stringify(value),
    }),
  });
};

describe('/openapi.json', () => {
  it('is valid OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(document));
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
    expect(document.openapi).toMatch(/^3\.1\./);
  });

  it('has an example for every body, and one operation for every id', () => {
    for (const operation of OPERATIONS.filter(({ request, lines }) => request ?? lines)) {
      expect(Object.keys(operation.examples ?? {}).length, operation.paths[0]).toBeGreaterThan(0);
    }
    const ids = Object.values<Record<string, OpenApiOperation>>(document.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each(examples)('$method $path, $name: the example is answered as described', async (example) => {
    const { answer, status = 200 } = operationOf(example.method, example.path);
    const { status: given, json, text, headers } = await ask(example);
    expect({ status: given, text: given === status ? '' : text }).toEqual({ status, text: '' });
    if (answer === null) expect(text).toBe('');
    else if ('mediaType' in answer) expect(headers.get('content-type')).toContain(answer.mediaType);
    else expect(v.safeParse(answer, json).issues).toBeUndefined();
  });

  it.each(examples.filter(({ value }) => typeof value === 'object'))(
    '$method $path, $name: a field more is refused as described',
    async (example) => {
      const { status, json } = await ask({ ...example, value: { ...(example.value as object), unheard_of: 1 } });
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      expect(v.safeParse(operationOf(example.method, example.path).errors, json).issues).toBeUndefined();
      expect(JSON.stringify(json)).toContain('unheard_of');
    },
  );

  it('describes every route that there is', () => {
    const described = OPERATIONS.flatMap(({ method, paths }) => paths.map((path) => `${method.toUpperCase()} ${path}`));
    const beside = ['GET /openapi.json', 'GET /docs', 'POST /ai/run/*']; // the last only says which model there is
    const routed = app.routes
      .map(({ method, path }) => `${method} ${path}`)
      .filter((route) => !route.startsWith('ALL'));
    expect(new Set(routed)).toEqual(new Set([...described, ...beside]));
  });

  it('asks for a key everywhere but for health, metrics and itself', () => {
    const open = OPERATIONS.filter(({ role }) => role === undefined).flatMap(({ paths }) => paths);
    expect(open).toEqual(['/health', '/', '/ping', '/metrics']);
    expect(document.paths['/encode'].post.security).toEqual([{ apiKey: [] }]);
  });

  it('is there while the model is not', async () => {
    const broken = appUnderTest(async () => {
      throw new Error('no model');
    });
    expect((await broken.send('/openapi.json')).json).toEqual(openApiDocument('bge-m3'));
  });
});

describe('/docs', () => {
  it('loads nothing, from nowhere, and runs nothing', async () => {
    const { status, headers, text } = await send('/docs');
    expect(status).toBe(200);
    const policy = headers.get('content-security-policy')!;
    const [, nonce] = /^default-src 'none'; style-src 'nonce-([0-9a-f-]{36})';/.exec(policy)!;
    expect(text).toContain(`<style nonce="${nonce}">`);
    expect(text).not.toMatch(/<script|<link|<img|src=|@import|url\(|style="/);
    for (const [, target] of text.matchAll(/href="([^"]*)"/g)) expect(target).toMatch(/^(#|\/openapi\.json$)/);
  });

  it('shows every operation, every field and every example', async () => {
    const { text } = await send('/docs');
    for (const { method, paths, request } of OPERATIONS) {
      for (const path of paths)
        expect(text).toContain(`<code>${method.toUpperCase()} ${path.replace(':id', '{id}')}</code>`);
      if (request && 'entries' in request) {
        for (const field of Object.keys(request.entries as object)) expect(text).toContain(`<code>${field}</code>`);
      }
    }
    expect(text.match(/<pre>curl/g)).toHaveLength(examples.filter(({ value }) => value !== undefined).length);
  });
});
