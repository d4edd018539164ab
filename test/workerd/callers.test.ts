import { connect } from 'node:net';
import { describe, it } from 'vitest';
import { GOLDEN_TEXT, golden, type IsolateOptions, startIsolate, until } from './support/isolate.ts';

type OnTestFinished = Parameters<typeof startIsolate>[0];

/** Rows of these are read in every pass, as their pages lie beyond those that stay in memory. */
const STREAMED_PAGE = 'words-';
/** More than a lease has. */
const LEASE_MS = 31_000;

/** A warm isolate, one of whose callers has the engine and waits for a page that does not come. Its clock stands still. */
async function withHolder(onTestFinished: OnTestFinished, options?: IsolateOptions) {
  const isolate = await startIsolate(onTestFinished, options);
  await isolate.expectGolden();
  await isolate.stopClock();
  await isolate.storage.takeRequests();
  await isolate.storage.setFaults({ file: STREAMED_PAGE, kind: 'hold', times: 1 });
  const holder = await isolate.open(GOLDEN_TEXT);
  await isolate.untilAsked(STREAMED_PAGE);
  return { isolate, holder };
}

describe.concurrent('a caller that', () => {
  it('B18: is reset while it has the engine gives it back by that alone', async ({ expect, onTestFinished }) => {
    const { isolate, holder } = await withHolder(onTestFinished);
    const waiter = isolate.encode(GOLDEN_TEXT);
    await isolate.untilWaiting(1);
    holder.reset();
    expect((await waiter).status).toBe(200); // neither its page has come, nor has its lease run out
    await isolate.expectGolden();
  });

  it('B19: is reset while it waits is forgotten, and the others keep their order', async ({
    expect,
    onTestFinished,
  }) => {
    const { isolate, holder } = await withHolder(onTestFinished);
    const second = await isolate.open('second');
    await isolate.untilWaiting(1);
    const third = isolate.encode(GOLDEN_TEXT);
    await isolate.untilWaiting(2);
    second.reset();
    await isolate.untilWaiting(1);
    await isolate.storage.release();
    expect((await third).status).toBe(200);
    expect(await holder.received).toMatch(/^HTTP\/1.1 200 /);
    await isolate.expectGolden();
  });

  it('B20: only says it will send no more gets its answer', async ({ expect, onTestFinished }) => {
    const { isolate, holder } = await withHolder(onTestFinished);
    await holder.halfClose();
    for (let i = 0; i < 20; i++) await isolate.get('/test-hooks'); // comes after it, so it has been seen
    await isolate.storage.release();
    expect(await holder.received).toMatch(/^HTTP\/1.1 200 /);
    await isolate.expectGolden();
  });

  it('B21: is reset without a sign loses the engine when its lease runs out', async ({ expect, onTestFinished }) => {
    const { isolate, holder } = await withHolder(onTestFinished, { withoutFlags: ['enable_request_signal'] });
    const waiter = isolate.encode(GOLDEN_TEXT);
    await isolate.untilWaiting(1);
    holder.reset();
    for (let i = 0; i < 20; i++) await isolate.untilWaiting(1); // in B18 it is served before the second look
    await isolate.moveClock(LEASE_MS);
    expect((await waiter).status).toBe(200);
    await isolate.expectGolden();
  });

  it('A16: has lost the engine cannot write into a slot, and is served again', async ({ expect, onTestFinished }) => {
    const isolate = await startIsolate(onTestFinished);
    await isolate.stopClock();
    await isolate.storage.setFaults({ file: 'layer-01.bin', kind: 'hold', times: 1 });
    const slow = isolate.post('/encode', golden);
    await isolate.untilAsked('layer-01.bin');
    let isServed = false;
    // Takes the engine over while the first read is under way. What else that pass reads renews its lease with each chunk, so more than one may have to run out.
    const other = isolate.expectGolden().finally(() => {
      isServed = true;
    });
    await isolate.untilWaiting(1);
    while (!isServed) await isolate.moveClock(LEASE_MS);
    await other;
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
      await isolate.untilAsked(file);
      const followers = [isolate.encode('b'), isolate.encode('c')];
      await isolate.untilArrived(3);
      leader.reset();
      for (const follower of followers) expect((await follower).status).toBe(200);
      await isolate.expectGolden();
    },
  );

  it('B23: sends its body slowly does not end up in another request', async ({ expect, onTestFinished }) => {
    const isolate = await startIsolate(onTestFinished);
    await isolate.expectGolden();
    const slow = Array.from({ length: 8 }, (_, index) => sendHalf(isolate.workerd.port, `text ${index}`));
    await isolate.untilArrived(1 + slow.length);
    const answers = await Promise.all(slow.toReversed().map((send) => send()));
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 200 /);
    expect(isolate.workerd.log()).not.toContain('on behalf of a different request');
    await isolate.expectGolden();
  });

  it('B24: comes when 64 wait is refused while they wait', async ({ expect, onTestFinished }) => {
    const { isolate } = await withHolder(onTestFinished);
    const long = { texts: ['word '.repeat(600)], truncate: true };
    const storm = (onAnswer: (status: number, retryAfter: number) => void) =>
      Promise.all(
        Array.from({ length: 100 }, async () => {
          const { status, headers } = await isolate.post('/encode', long);
          onAnswer(status, Number(headers.get('retry-after')));
        }),
      );
    const statuses: number[] = [];
    const first = storm((status, retryAfter) => {
      statuses.push(status);
      expect(retryAfter > 0).toBe(status === 429);
    });
    await until(() => statuses.length === 36);
    await isolate.untilWaiting(64);
    expect(statuses).toEqual(Array(36).fill(429));
    await isolate.storage.release();
    await first;
    expect(statuses.slice(36)).toEqual(Array(64).fill(200));

    // V8 collects late where nothing limits it: 10 MB a storm, all of it gone by the tenth (scripts/check/streaming.ts).
    const residentBytes = isolate.workerd.residentBytes();
    for (let round = 0; round < 2; round++) await storm((status) => expect([200, 429]).toContain(status));
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

/** Sends the first half of a body. @returns What sends the second, and resolves to everything that came back. */
function sendHalf(port: number, text: string): () => Promise<string> {
  const body = JSON.stringify({ texts: [text] });
  const socket = connect({ port, host: '127.0.0.1' }).setEncoding('utf8');
  const head = `POST /encode HTTP/1.1\r\nhost: worker\r\ncontent-type: application/json\r\nconnection: close\r\n`;
  socket.write(`${head}content-length: ${body.length}\r\n\r\n${body.slice(0, 5)}`);
  return async () => {
    socket.write(body.slice(5));
    let received = '';
    for await (const chunk of socket) received += chunk;
    return received;
  };
}
