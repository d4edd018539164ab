import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { directorySource } from '../../cli/shards/directory.ts';
import { assetsSource } from '../../src/shards/assets.ts';
import { type Fetch, httpSource } from '../../src/shards/http.ts';
import { memorySource } from '../../src/shards/memory.ts';
import { describeShardSource, LARGE, readAll, type Shards } from './contract.ts';

const cleanUps: (() => void)[] = [];
afterAll(() => {
  for (const cleanUp of cleanUps) cleanUp();
});

async function serve(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  cleanUps.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const serveShards = (shards: Shards) =>
  serve((request, response) => {
    const bytes = shards.get(request.url!.slice(1));
    response.writeHead(bytes ? 200 : 404).end(bytes);
  });

const fromDirectory = (shards: Shards) => {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-shards-'));
  cleanUps.push(() => rmSync(directory, { recursive: true }));
  for (const [name, bytes] of shards) writeFileSync(join(directory, name), bytes);
  return directorySource(directory);
};

const assetsWith = (shards: Shards) => ({
  fetch: (async (url, { signal }) => {
    signal?.throwIfAborted();
    const bytes = shards.get(new URL(url).pathname.replace('/model/', ''));
    return new Response(bytes as Uint8Array<ArrayBuffer>, { status: bytes ? 200 : 404 });
  }) satisfies Fetch,
});

describeShardSource('memorySource', (shards) => memorySource(shards, 1000));
describeShardSource('directorySource', fromDirectory);
describeShardSource('httpSource', async (shards) => httpSource(fetch, await serveShards(shards)));
describeShardSource('assetsSource', (shards) => assetsSource(assetsWith(shards), 'model'));

describe('httpSource', () => {
  const answering = (response: () => Response | Promise<Response>) =>
    httpSource((async () => response()) as Fetch, 'http://shards.invalid/');

  it('takes an HTML page for a missing shard, whatever its status', async () => {
    const page = () => new Response('<!doctype html>', { headers: { 'content-type': 'text/html; charset=utf-8' } });
    await expect(readAll(answering(page), 'heads.bin')).rejects.toMatchObject({ code: 'model_shard_missing' });
  });

  it.each([429, 500, 206, 304])('cannot use status %i', async (status) => {
    const response = () => new Response(status === 304 ? null : 'x', { status });
    await expect(readAll(answering(response), 'heads.bin')).rejects.toMatchObject({
      code: 'model_unavailable',
      message: expect.stringContaining(String(status)),
    });
  });

  it('says so where nobody answers', async () => {
    const refused = () => Promise.reject(new TypeError('fetch failed'));
    await expect(readAll(answering(refused), 'heads.bin')).rejects.toMatchObject({ code: 'model_unavailable' });
  });

  it('says so where the connection is lost midway', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': LARGE.length });
      response.write(LARGE.subarray(0, 100_000), () => response.destroy());
    });
    await expect(readAll(httpSource(fetch, url), 'layer-00.bin')).rejects.toMatchObject({ code: 'model_unavailable' });
  });
});
