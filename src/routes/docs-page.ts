import type { JsonSchema } from '@valibot/to-json-schema';
import { html, raw } from 'hono/html';
import type { OpenApiDocument, OpenApiOperation } from './openapi.ts';

const STYLE = `
:root { color-scheme: light dark; --line: #8885; --dim: #888; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
nav ul { columns: 18rem; padding: 0; list-style: none; }
code, pre { font: 14px/1.4 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid var(--line); border-radius: 4px; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
h3 { margin-top: 2.5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); }
td:first-child { white-space: nowrap; }
.dim { color: var(--dim); }
`;

/**
 * /openapi.json as a page: no script, nothing from another host.
 *
 * @param origin Where the examples are sent.
 * @param nonce Of the content security policy that lets the page's own style in.
 */
export function docsPage(document: OpenApiDocument, origin: string, nonce: string) {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const ofTag = (tag: string) => operations.filter(({ operation }) => operation.tags.includes(tag));
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>m3edge: HTTP API</title>
<style nonce="${nonce}">${raw(STYLE)}</style>
</head>
<body>
<h1>m3edge ${document.info.version}</h1>
<p>${document.info.description} The same as data: <a href="/openapi.json">/openapi.json</a>.</p>
<nav aria-label="Operations">
${document.tags.map(
  ({ name, description }) => html`<p><strong>${name}</strong> <span class="dim">${description}</span></p>
<ul>${ofTag(name).map(
    ({ method, path, operation }) =>
      html`<li><a href="#${operation.operationId}"><code>${method.toUpperCase()} ${path}</code></a></li>`,
  )}</ul>`,
)}
</nav>
${document.tags.map(
  ({ name }) => html`<section><h2>${name}</h2>
${ofTag(name).map(({ method, path, operation }) => operationSection(method, path, operation, origin))}
</section>`,
)}
</body>
</html>`;
}

function operationSection(method: string, path: string, operation: OpenApiOperation, origin: string) {
  const [mediaType = '', body] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  const isPublic = operation.security.length === 0;
  return html`<article>
<h3 id="${operation.operationId}"><code>${method.toUpperCase()} ${path}</code></h3>
<p>${operation.summary}.${isPublic ? ' Needs no key.' : ''}</p>
${operation.parameters?.map(
  (parameter) => html`<p>${PLACES[parameter.in]} <code>${parameter.name}</code>: ${parameter.description}.</p>`,
)}
${body && fieldTables(body.schema)}
${Object.entries(body?.examples ?? {}).map(
  ([name, { value }]) =>
    html`<p class="dim">${name}</p><pre>${curl({ method, url: origin + path, mediaType, isPublic }, value)}</pre>`,
)}
</article>`;
}

const PLACES = { header: 'Header', path: 'In the path', query: 'After ?' } as const;

interface Target {
  readonly method: string;
  readonly url: string;
  readonly mediaType: string;
  readonly isPublic: boolean;
}

const curl = ({ method, url, mediaType, isPublic }: Target, body: unknown): string => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return [
    `curl -s ${method === 'post' ? '' : `-X ${method.toUpperCase()} `}${url} -H 'content-type: ${mediaType}'`,
    ...(isPublic ? [] : ['  -H "authorization: Bearer $API_KEY"']),
    `  --data-binary '${text.replaceAll("'", "'\\''")}'`,
  ].join(' \\\n');
};

/** One table for each form that a body may have. */
function fieldTables(schema: JsonSchema) {
  const forms = (schema.anyOf ?? [schema]) as JsonSchema[];
  return forms.map(
    ({ properties = {}, required = [] }) => html`<div class="scroll"><table>
<thead><tr><th scope="col">Field</th><th scope="col">Type</th><th scope="col">Default</th><th scope="col"></th></tr></thead>
<tbody>${Object.entries(properties).map(([name, field]) => {
      const { default: byDefault, description = '' } = field as JsonSchema;
      const printed = byDefault === undefined ? (required.includes(name) ? 'required' : '') : JSON.stringify(byDefault);
      return html`<tr><td><code>${name}</code></td><td>${typeText(field as JsonSchema)}</td><td><code>${printed}</code></td><td>${description}</td></tr>`;
    })}</tbody>
</table></div>`,
  );
}

/** A schema in words: `string or list of 1 to 256 of string`. */
function typeText(schema: JsonSchema): string {
  if (schema.anyOf) return [...new Set((schema.anyOf as JsonSchema[]).map(typeText))].join(' or ');
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(', ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.prefixItems) return `[${(schema.prefixItems as JsonSchema[]).map(typeText).join(', ')}]`;
  if (schema.type === 'array') {
    return `list${rangeText(schema.minItems, schema.maxItems)} of ${typeText((schema.items ?? {}) as JsonSchema)}`;
  }
  if (schema.type === 'object' && schema.properties) return `{${Object.keys(schema.properties).join(', ')}}`;
  if (schema.type === 'number' || schema.type === 'integer') {
    return `${schema.type}${rangeText(schema.minimum, schema.maximum)}`;
  }
  return typeof schema.type === 'string' ? schema.type : 'anything';
}

function rangeText(least?: number, most?: number): string {
  const hasMost = most !== undefined && most < Number.MAX_SAFE_INTEGER;
  if (least !== undefined && hasMost) return ` of ${least} to ${most}`;
  if (least !== undefined) return ` of at least ${least}`;
  return hasMost ? ` of at most ${most}` : '';
}
