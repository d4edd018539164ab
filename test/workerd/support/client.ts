import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is looked at field by field
  readonly json: any;
}

/** A request as any client sends it. */
export async function send(port: number, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}

/** A request whose connection the test holds in its hands. */
export interface OpenRequest {
  /** Leaves with a TCP reset, as a process that is killed does. */
  reset(): void;
  /** Says that nothing more will be sent, and goes on listening: what `fetch` does when it is aborted. Resolves once it is said. */
  halfClose(): Promise<void>;
  /** Everything that came, once the other side has closed. */
  readonly received: Promise<string>;
}

export async function openRequest(port: number, path: string, body: unknown): Promise<OpenRequest> {
  const text = JSON.stringify(body);
  const socket: Socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  let received = '';
  const closed = new Promise<string>((resolve) => {
    socket.setEncoding('utf8').on('data', (chunk) => {
      received += chunk;
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(received)).on('error', () => resolve(received));
  });
  const head = [
    `POST ${path} HTTP/1.1`,
    'host: worker',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${text}`);
  return {
    reset: () => void socket.resetAndDestroy(),
    halfClose: () => new Promise((resolve) => socket.end(resolve)),
    received: closed,
  };
}
