import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'vitest';
import { GOLDEN_TEXT, golden, type Isolate, type IsolateOptions, startIsolate } from './support/isolate.ts';

type OnTestFinished = Parameters<typeof startIsolate>[0];

/** Rows of these are read in every pass, as their pages lie beyond those that stay in memory. */
const STREAMED_PAGE = 'words-';

async function untilAsked({ storage }: Isolate, file: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if ((await storage.takeRequests()).some((request) => request.startsWith(file))) return;
    await sleep(5);
  }
  throw new Error(`nobody asked for ${file}`);
}

/** A warm isolate, one of whose callers has the engine and waits for a page that does not come. */
async function withHolder(onTestFinished: OnTestFinished, options?: IsolateOptions) {
  const isolate = await startIsolate(onTestFinished, options);
  await isolate.expectGolden();
  await isolate.storage.takeRequests();
  await isolate.storage.setFaults({ file: STREAMED_PAGE, kind: 'hold', times: 1 });
  const holder = await isolate.open(GOLDEN_TEXT);
  await untilAsked(isolate, STREAMED_PAGE);
  return { isolate, holder };
}

const elapsedSince = (startMs: number) => performance.now() - startMs;

describe.concurrent('a caller that', () => {
  it('B18: is reset while it has the engine gives it back at once', async ({ expect, onTestFinished }) => {
    const { isolate, holder } = await withHolder(onTestFinished);
    const waiter = isolate.encode(GOLDEN_TEXT);
    await sleep(50);
    const resetAt = performance.now();
    holder.reset();
    expect((await waiter).status).toBe(200);
    expect(elapsedSince(resetAt)).toBeLessThan(500); // 20 ms on a machine with nothing else to do
    await isolate.expectGolden();
  });

  it('B19: is reset while it waits is forgotten, and the others keep their order', async ({
    expect,
    onTestFinished,
  }) => {
    const { isolate, holder } = await withHolder(onTestFinished);
    const second = await isolate.open('second');
    await sleep(20);
    const third = isolate.encode(GOLDEN_TEXT);
    await sleep(50);
    second.reset();
    await sleep(50);
    await isolate.storage.release();
    expect((await third).status).toBe(200);
    expect(await holder.received).toMatch(/^HTTP\/1.1 200 /);
    await isolate.expectGolden();
  });

  it('B20: only says it will send no more gets its answer', async ({ expect, onTestFinished }) => {
    const { isolate, holder } = await withHolder(onTestFinished);
    holder.halfClose();
    await sleep(50);
    await isolate.storage.release();
    expect(await holder.received).toMatch(/^HTTP\/1.1 200 /);
    await isolate.expectGolden();
  });

  it('B21: is reset without a sign loses the engine when its lease runs out', async ({ expect, onTestFinished }) => {
    const { isolate, holder } = await withHolder(onTestFinished, { withoutFlags: ['enable_request_signal'] });
    const waiter = isolate.encode(GOLDEN_TEXT);
    await sleep(50);
    holder.reset();
    const early = await Promise.race([waiter, sleep(300, 'waiting' as const)]);
    expect(early).toBe('waiting');
    await isolate.get('/test-hooks?later=31000');
    expect((await waiter).status).toBe(200);
    await isolate.expectGolden();
  });

  it('A16: has lost the engine cannot write into a slot, and is served again', async ({ expect, onTestFinished }) => {
    const isolate = await startIsolate(onTestFinished);
    await isolate.storage.setFaults({ file: 'layer-01.bin', kind: 'hold', times: 1 });
    const slow = isolate.post('/encode', golden);
    await untilAsked(isolate, 'layer-01.bin');
    await sleep(500); // until everything else has come: each chunk renews the lease
    await isolate.get('/test-hooks?later=31000');
    await isolate.expectGolden(); // takes the engine over while the first read is under way
    await isolate.storage.release();
    expect((await slow).status).toBe(200);
    await isolate.expectGolden();
  });

  it.for(['manifest.json', 'tokenizer.bin', 'embeddings.bin', 'layer-00.bin'])(
    'B22: is reset while it loads %s leaves no promise behind',
    async (file, { expect, onTestFinished }) => {
      const isolate = await startIsolate(onTestFinished);
      await isolate.storage.setFaults({ file, kind: 'hold', times: 1 });
      const leader = await isolate.open('a');
      await untilAsked(isolate, file);
      const followers = [isolate.encode('b'), isolate.encode('c')];
      await sleep(30);
      leader.reset();
      for (const follower of followers) expect((await follower).status).toBe(200);
      await isolate.expectGolden();
    },
  );

  it('B23: sends its body slowly does not end up in another request', async ({ expect, onTestFinished }) => {
    const isolate = await startIsolate(onTestFinished);
    await isolate.expectGolden();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => sendSlowly(isolate.workerd.port, `text ${index}`, 20 * index)),
    );
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 200 /);
    expect(isolate.workerd.log()).not.toContain('on behalf of a different request');
    await isolate.expectGolden();
  });

  it('B24: comes when 64 wait is refused at once', async ({ expect, onTestFinished }) => {
    const { isolate } = await withHolder(onTestFinished);
    const long = { texts: ['word '.repeat(600)], truncate: true };
    const storm = async () => {
      const startMs = performance.now();
      return Promise.all(
        Array.from({ length: 100 }, async () => {
          const { status, headers } = await isolate.post('/encode', long);
          return { status, retryAfter: Number(headers.get('retry-after')), atMs: elapsedSince(startMs) };
        }),
      );
    };
    const first = storm();
    await sleep(2000);
    await isolate.storage.release();
    const answers = await first;
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(64);
    expect(refused).toHaveLength(36);
    for (const { retryAfter, atMs } of refused) {
      expect(retryAfter).toBeGreaterThan(0);
      expect(atMs).toBeLessThan(2000);
    }

    // V8 collects late where nothing limits it: 10 MB a storm, all of it gone by the tenth (scripts/check/streaming.ts).
    const residentBytes = isolate.workerd.residentBytes();
    for (let round = 0; round < 2; round++) {
      for (const { status } of await storm()) expect([200, 429]).toContain(status);
    }
    expect(isolate.workerd.residentBytes() - residentBytes).toBeLessThan(64e6);
    await isolate.expectGolden();
  });
});

describe.concurrent('a request that', () => {
  const LONG = { texts: ['word '.repeat(600)], truncate: true };
  const modelFiles = /^(layer|words|positions)-/;

  it('B25: does not fit into the memory is refused before a shard is read', async ({ expect, onTestFinished }) => {
    const budgetBytes = 800_000;
    const isolate = await startIsolate(onTestFinished, { vars: { MEMORY_BYTES: budgetBytes } });
    expect(await isolate.post('/encode', LONG)).toMatchObject({
      status: 422,
      json: { error: { code: 'budget_exceeded', message: expect.stringContaining(String(budgetBytes)) } },
    });
    expect((await isolate.storage.takeRequests()).filter((file) => modelFiles.test(file))).toEqual([]);
    await isolate.expectGolden();
    const { memoryBytes } = (await isolate.get('/test-hooks')).json;
    expect(Math.max(...memoryBytes)).toBeLessThanOrEqual(Math.ceil(budgetBytes / 65536) * 65536);
  });

  it('B26: would take more CPU than there is is refused with an estimate', async ({ expect, onTestFinished }) => {
    const isolate = await startIsolate(onTestFinished, { vars: { CPU_MS: 2 } });
    const estimate = await isolate.post('/estimate', LONG);
    expect(estimate).toMatchObject({ status: 200, json: { fits: false } });
    expect(await isolate.post('/encode', LONG)).toMatchObject({
      status: 422,
      json: { error: { code: 'budget_exceeded', message: expect.stringMatching(/about \d+ ms of CPU/) } },
    });
    expect((await isolate.storage.takeRequests()).filter((file) => modelFiles.test(file))).toEqual([]);
    await isolate.expectGolden();
  });

  it('B29: ends in a wasm trap takes no other request with it', async ({ expect, onTestFinished }) => {
    const isolate = await startIsolate(onTestFinished);
    await isolate.expectGolden();
    await isolate.get('/test-hooks?trap');
    expect(await isolate.encode('a')).toMatchObject({ status: 500, json: { error: { code: 'internal' } } });
    await isolate.expectGolden();
  });
});

/** A body in two halves, the second one later. @returns Everything that came back. */
async function sendSlowly(port: number, text: string, delayMs: number): Promise<string> {
  const body = JSON.stringify({ texts: [text] });
  const socket = connect({ port, host: '127.0.0.1' }).setEncoding('utf8');
  const head = `POST /encode HTTP/1.1\r\nhost: worker\r\ncontent-type: application/json\r\nconnection: close\r\n`;
  socket.write(`${head}content-length: ${body.length}\r\n\r\n${body.slice(0, 5)}`);
  await sleep(delayMs);
  socket.write(body.slice(5));
  let received = '';
  for await (const chunk of socket) received += chunk;
  return received;
}
