import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BucketAccess, openBucket } from '../../../cli/upload/bucket.ts';
import { openLocalR2 } from '../../../cli/upload/local-bucket.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const BODY = Uint8Array.of(1, 2, 3);

/** miniflare's own S3 front of R2 checks signatures and payload digests. */
describe('openBucket over R2', () => {
  let state: string;
  let access: BucketAccess;
  let close: () => Promise<void>;
  beforeAll(async () => {
    state = mkdtempSync(join(tmpdir(), 'm3edge-r2-'));
    ({ access, close } = await openLocalR2('models', state));
  });
  afterAll(async () => {
    await close();
    rmSync(state, { recursive: true });
  });

  it('lists what it has put, page after page', async () => {
    const bucket = openBucket(access);
    const keys = Array.from({ length: 25 }, (_, index) => `many/${String(index).padStart(2, '0')}`);
    const queue = keys.values();
    const work = async () => {
      for (const key of queue) await bucket.put(key, BODY, sha256(BODY));
    };
    await Promise.all(Array.from({ length: 8 }, work));
    await bucket.put('other/a', BODY.slice(1), sha256(BODY.slice(1)));
    expect([...(await bucket.list('many/', 10))]).toEqual(keys.map((key) => [key, 3]));
    expect([...(await bucket.list('other/'))]).toEqual([['other/a', 2]]);
    expect((await bucket.list('none/')).size).toBe(0);
  });

  it('has a body refused that is not the one whose digest it sends', async () => {
    await expect(openBucket(access).put('a', BODY, sha256(Uint8Array.of(9)))).rejects.toThrow(/answers 4\d\d /);
  });

  it('says what to do where the keys are wrong, or there is no such bucket', async () => {
    await expect(openBucket({ ...access, secretAccessKey: 'wrong' }).list('')).rejects.toThrow(
      /403 SignatureDoesNotMatch.*must be allowed to read and write objects of bucket models/s,
    );
    await expect(openBucket({ ...access, bucket: 'absent' }).list('')).rejects.toThrow(
      'there is no bucket absent; make it: npx wrangler r2 bucket create absent',
    );
  });
});

describe('openBucket', () => {
  const servers: Server[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
  });
  /** A store that answers with `statuses` in turn, the last one for ever. */
  const storeAnswering = async (...statuses: number[]) => {
    let requests = 0;
    const server = createServer((request, response) => {
      request.resume().on('end', () => {
        response.writeHead(statuses[Math.min(requests++, statuses.length - 1)]!).end();
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const bucket = openBucket({ endpoint, bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' });
    return { bucket, requests: () => requests };
  };

  it('outlasts failures that pass', async () => {
    const { bucket, requests } = await storeAnswering(500, 429, 200);
    await bucket.put('a', BODY, sha256(BODY));
    expect(requests()).toBe(3);
  });

  it('gives up after four, and says what stays', async () => {
    const { bucket, requests } = await storeAnswering(503);
    await expect(bucket.put('a', BODY, sha256(BODY))).rejects.toThrow(/answers 503 .*what is uploaded stays/);
    expect(requests()).toBe(4);
  });

  it('does not repeat what is refused', async () => {
    const { bucket, requests } = await storeAnswering(400);
    await expect(bucket.put('a', BODY, sha256(BODY))).rejects.toThrow(/answers 400/);
    expect(requests()).toBe(1);
  });
});
