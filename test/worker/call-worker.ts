import { exports } from 'cloudflare:workers';

async function read(response: Response) {
  const text = new TextDecoder().decode(await response.arrayBuffer()); // text() warns of types it does not know
  const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

/** The Worker under test, asked over HTTP. */
export const worker = {
  get: async (path: string) => read(await exports.default.fetch(`http://worker${path}`)),
  post: async (path: string, body: unknown, headers: Record<string, string> = {}) =>
    read(
      await exports.default.fetch(`http://worker${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
    ),
};
