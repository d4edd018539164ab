import { createApp } from '../../src/app.ts';
import { createAccess } from '../../src/auth/access.ts';
import type { Embedder } from '../../src/embedder.ts';
import type { RouteDeps } from '../../src/routes/deps.ts';
import { fakeEmbedder } from './fake-embedder.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is looked at field by field
  readonly json: any;
}

/** An app over `getEmbedder`, open to everybody, with what it logged. */
export function appUnderTest(
  getEmbedder: () => Promise<Embedder> = async () => fakeEmbedder(),
  deps: Partial<RouteDeps> = {},
) {
  const logged: Readonly<Record<string, unknown>>[] = [];
  const access = createAccess({ keys: [], anonymous: 'admin' });
  const app = createApp({ getEmbedder, access, log: (entry) => logged.push(entry), ...deps });

  const send = async (path: string, init: RequestInit & { duplex?: 'half' } = {}): Promise<Answer> => {
    const response = await app.request(path, init);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
  };
  /** @param body An object is sent as JSON, everything else as it is. */
  const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    send(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: isRaw(body) ? body : JSON.stringify(body),
      ...(body instanceof ReadableStream && { duplex: 'half' }),
    });
  return { app, logged, send, post };
}

const isRaw = (body: unknown): body is string | Uint8Array<ArrayBuffer> | ReadableStream =>
  typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream;
