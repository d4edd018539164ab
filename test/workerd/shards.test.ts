import { describe, it } from 'vitest';
import { startIsolate } from './support/isolate.ts';

const LAYER = 'layer-01.bin';

describe.concurrent('a shard that storage', () => {
  it('A1: damages once is read again, and counted', async ({ expect, onTestFinished }) => {
    const { storage, expectGolden, retries } = await startIsolate(onTestFinished);
    await storage.setFaults({ file: LAYER, kind: 'flip', offset: 5000, times: 1 });
    await expectGolden();
    expect(retries('model_shard_corrupt')).toBe(1);
  });

  it('A2: damages every time is refused, and asked for anew by the next request', async ({
    expect,
    onTestFinished,
  }) => {
    const { storage, encode, expectGolden } = await startIsolate(onTestFinished);
    await storage.setFaults({ file: LAYER, kind: 'flip', offset: 5000 });
    expect(await encode('a')).toMatchObject({ status: 503, json: { error: { code: 'model_shard_corrupt' } } });
    const requests = await storage.takeRequests();
    expect(requests.filter((file) => file === LAYER)).toHaveLength(3);
    await storage.setFaults();
    await expectGolden();
  });

  it.for([
    ['A3: breaks off', 'break'],
    ['A4: ends early, as if that were all,', 'cut'],
  ] as const)(
    '%s is read again, and refused when it does so three times',
    async ([, kind], { expect, onTestFinished }) => {
      const { storage, encode, expectGolden, retries } = await startIsolate(onTestFinished);
      await storage.setFaults({ file: LAYER, kind });
      const refused = await encode('a');
      expect(refused).toMatchObject({ status: 503, json: { error: { code: 'model_unavailable' } } });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      await storage.setFaults({ file: LAYER, kind, times: 2 });
      await expectGolden();
      expect(retries('model_unavailable')).toBe(4);
    },
  );

  it('A5: sends with more bytes than it has is not written beyond its slot', async ({ expect, onTestFinished }) => {
    const { storage, encode, expectGolden } = await startIsolate(onTestFinished);
    // Behind layer 1's slot lies layer 2's: what is written there too early shows in the golden request.
    await storage.setFaults({ file: LAYER, kind: 'longer', bytes: 1_000_000 });
    expect(await encode('a')).toMatchObject({ status: 503, json: { error: { code: 'model_shard_corrupt' } } });
    await storage.setFaults({ file: LAYER, kind: 'longer', bytes: 64, times: 1 });
    await expectGolden();
  });

  it.for([
    ['does not have', { kind: 'status', status: 404 }],
    ['answers with a page', { kind: 'page' }],
  ] as const)('A6: it %s is missing, and not asked for again', async ([, fault], { expect, onTestFinished }) => {
    const { storage, encode, expectGolden } = await startIsolate(onTestFinished);
    await storage.setFaults({ file: LAYER, ...fault });
    expect(await encode('a')).toMatchObject({ status: 503, json: { error: { code: 'model_shard_missing' } } });
    expect((await storage.takeRequests()).filter((file) => file === LAYER)).toHaveLength(1);
    await storage.setFaults();
    await expectGolden();
  });

  it.for([500, 429])(
    'A7: answers with %i, and then sends, is waited for',
    async (status, { expect, onTestFinished }) => {
      const { storage, expectGolden, retries } = await startIsolate(onTestFinished);
      await storage.setFaults({ file: LAYER, kind: 'status', status, times: 2 });
      await expectGolden();
      expect(retries('model_unavailable')).toBe(2);
    },
  );
});
