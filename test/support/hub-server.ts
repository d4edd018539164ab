import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** What a request is spoiled with; each is taken off the list once it has been used. */
export type Fault =
  | { readonly file: string; readonly kind: 'break'; readonly afterBytes: number }
  | { readonly file: string; readonly kind: 'corrupt' | 'no ranges' | 'stall' }
  | { readonly file: string; readonly kind: 'status'; readonly status: number };

export interface Asked {
  readonly host: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

export interface HubServer {
  /** HF_ENDPOINT */
  readonly url: string;
  readonly commit: string;
  readonly asked: Asked[];
  readonly faults: Fault[];
  /** The repository's files, by path; a path may be anything here. */
  readonly files: Map<string, Buffer>;
  /** Where the storage host redirects to, instead of answering. */
  redirect: string | undefined;
  stop(): Promise<void>;
}

export interface HubOptions {
  readonly repository: string;
  /** A directory, such as a fixture. */
  readonly files: string;
  /** Wanted by everything the Hub itself answers. */
  readonly token?: string;
}

/** Files a page of the listing. */
const PAGE = 4;
const COMMIT = '5617a9f61b028005a4858fdac845db406aefb181';

/**
 * A stand-in for huggingface.co and the host that its large files lie on: the same paths, redirects, listing pages, headers and error codes, as
 * huggingface_hub and @huggingface/hub use them.
 */
export async function startHub({ repository, files: directory, token }: HubOptions): Promise<HubServer> {
  const files = new Map(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name))]));
  files.set('README.md', Buffer.from('# a model\n'));
  const asked: Asked[] = [];
  const faults: Fault[] = [];
  const note = (request: IncomingMessage) =>
    asked.push({
      host: request.headers.host!,
      path: request.url!,
      authorization: request.headers.authorization,
      range: request.headers.range,
    });
  const takeFault = (file: string): Fault | undefined => {
    const index = faults.findIndex((fault) => fault.file === file);
    return index < 0 ? undefined : faults.splice(index, 1)[0];
  };

  const hub = createServer((request, response) => {
    note(request);
    const url = new URL(request.url!, home);
    const refuse = (status: number, code: string, message: string) =>
      response.writeHead(status, { 'x-error-code': code, 'x-error-message': message }).end(message);
    const authorization = token && `Bearer ${token}`;
    if (request.headers.authorization !== undefined && request.headers.authorization !== authorization)
      return refuse(401, '', 'Invalid credentials in Authorization header');
    if (token && request.headers.authorization === undefined)
      return refuse(401, 'RepoNotFound', 'Repository not found');
    const cached = `/api/resolve-cache/models/${repository}/${COMMIT}/`;
    if (url.pathname.startsWith(cached)) return sendFile(request, response, url.pathname.slice(cached.length));
    const api = `/api/models/${repository}`;
    const answer = (json: unknown, headers = {}) =>
      response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(json));
    if (/^\/api\/models\/[^/]+\/[^/]+\/revision\//.test(url.pathname)) {
      if (!url.pathname.startsWith(`${api}/`)) return refuse(404, 'RepoNotFound', 'Repository not found');
      const fault = takeFault('revision');
      if (fault?.kind === 'status') return refuse(fault.status, '', 'as the fault says');
      const revision = decodeURIComponent(url.pathname.slice(`${api}/revision/`.length));
      if (!['main', 'refs/pr/1', COMMIT].includes(revision))
        return refuse(404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
      return answer({ id: repository, sha: COMMIT });
    }
    if (url.pathname === `${api}/tree/${COMMIT}`) {
      const start = Number(url.searchParams.get('cursor') ?? 0);
      const all: unknown[] = [{ type: 'directory', path: 'onnx', oid: '0'.repeat(40), size: 0 }];
      for (const [path, bytes] of files) all.push(describe(path, bytes));
      const next = `<${home}${url.pathname}?cursor=${start + PAGE}>; rel="next"`;
      return answer(all.slice(start, start + PAGE), start + PAGE < all.length ? { link: next } : {});
    }
    const resolved = `/${repository}/resolve/${COMMIT}/`;
    const file = url.pathname.slice(resolved.length);
    const bytes = url.pathname.startsWith(resolved) ? files.get(file) : undefined;
    if (bytes === undefined) return refuse(404, 'EntryNotFound', 'Entry not found');
    const digest = digestOf(file, bytes);
    response.writeHead(isLarge(file) ? 302 : 307, {
      'x-repo-commit': COMMIT,
      'x-linked-size': bytes.length,
      'x-linked-etag': `"${digest}"`,
      location: isLarge(file) ? `${storageUrl}/repos/${digest}?filename=${file}&Signature=abc` : `${cached}${file}`,
    });
    return response.end();
  });

  const storage = createServer((request, response) => {
    note(request);
    const file = new URL(request.url!, home).searchParams.get('filename')!;
    if (server.redirect !== undefined) return response.writeHead(302, { location: server.redirect }).end();
    // Signed addresses: a storage host refuses whoever shows credentials of another kind as well.
    if (request.headers.authorization !== undefined)
      return response.writeHead(400).end('Only one auth mechanism allowed');
    return sendFile(request, response, file);
  });

  const sendFile = (request: IncomingMessage, response: ServerResponse, file: string) => {
    const whole = files.get(file);
    if (whole === undefined) return response.writeHead(404).end();
    const fault = takeFault(file);
    if (fault?.kind === 'status') return response.writeHead(fault.status).end();
    const etag = `"${digestOf(file, whole).slice(0, 32)}"`;
    const ifRange = request.headers['if-range'];
    const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
    const isPart = from !== undefined && fault?.kind !== 'no ranges' && (ifRange === undefined || ifRange === etag);
    if (isPart && Number(from) >= whole.length)
      return response.writeHead(416, { 'content-range': `bytes */${whole.length}` }).end();
    const body = Buffer.from(whole.subarray(isPart ? Number(from) : 0));
    if (fault?.kind === 'corrupt') body[body.length >> 1]! ^= 1;
    response.writeHead(isPart ? 206 : 200, {
      etag,
      'accept-ranges': 'bytes',
      'content-length': body.length,
      ...(isPart && { 'content-range': `bytes ${from}-${whole.length - 1}/${whole.length}` }),
    });
    if (fault?.kind === 'stall') return response.write(body.subarray(0, 100));
    if (fault?.kind !== 'break') return response.end(body);
    return response.write(body.subarray(0, fault.afterBytes), () => response.socket?.end()); // the end comes after the bytes
  };

  const home = await listen(hub, '127.0.0.1');
  const storageUrl = await listen(storage, 'localhost'); // another host by name, which is what counts
  const server: HubServer = {
    url: home,
    commit: COMMIT,
    asked,
    faults,
    files,
    redirect: undefined,
    async stop() {
      for (const one of [hub, storage]) {
        one.closeAllConnections();
        one.close();
        await once(one, 'close');
      }
    },
  };
  return server;
}

async function listen(server: Server, host: string): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://${host}:${(server.address() as AddressInfo).port}`;
}

/** Git keeps small text itself, and everything else in LFS. */
const isLarge = (file: string) => !/\.(json|md|txt)$/.test(file) || file === 'tokenizer.json';

function digestOf(file: string, bytes: Buffer): string {
  if (isLarge(file)) return createHash('sha256').update(bytes).digest('hex');
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

function describe(path: string, bytes: Buffer) {
  const size = bytes.length;
  const entry = { type: 'file', path, size, oid: digestOf('x.md', bytes) };
  return isLarge(path) ? { ...entry, lfs: { oid: digestOf(path, bytes), size, pointerSize: 135 } } : entry;
}
