import { describe, it } from 'vitest';
import { GOLDEN_TEXT, startIsolate } from './support/isolate.ts';

const LAYER = 'layer-01.bin';

describe.concurrent('storage that', () => {
  it('A8: fails for ever is asked three times for a shard, then left alone for 30 s', async ({
    expect,
    onTestFinished,
  }) => {
    const { storage, encode, stopClock, moveClock, expectGolden } = await startIsolate(onTestFinished);
    await expectGolden();
    await stopClock();
    await storage.setFaults({ file: '', kind: 'status', status: 500 });
    await storage.takeRequests();
    const first = await encode(GOLDEN_TEXT);
    expect(first).toMatchObject({ status: 503, json: { error: { code: 'model_unavailable' } } });
    expect(Number(first.headers.get('retry-after'))).toBeGreaterThan(0);
    const byFile = Object.groupBy(await storage.takeRequests(), (file) => file);
    expect(Math.max(...Object.values(byFile).map((requests) => requests!.length))).toBeLessThanOrEqual(3);

    const second = await encode(GOLDEN_TEXT); // two more failures: five in a row
    expect(second).toMatchObject({ status: 503, json: { error: { code: 'model_unavailable' } } });
    await storage.takeRequests();
    const third = await encode(GOLDEN_TEXT);
    expect(third.status).toBe(503);
    expect(third.headers.get('retry-after')).toBe('30');
    await moveClock(29_999);
    expect((await encode(GOLDEN_TEXT)).status).toBe(503);
    expect(await storage.takeRequests()).toEqual([]);

    await storage.setFaults();
    await moveClock(1);
    await expectGolden();
  });

  it.for([
    ['sends no headers', 'silent'],
    ['falls silent midway', 'stall'],
  ] as const)('A9: %s is asked again after 5 s', async ([, kind], { expect, onTestFinished }) => {
    const { storage, expectGolden, retries } = await startIsolate(onTestFinished);
    await storage.setFaults({ file: LAYER, kind, times: 1 });
    await expectGolden();
    expect(retries('model_unavailable')).toBe(1);
  });

  it.for([
    ['sends no headers', 'silent'],
    ['falls silent midway', 'stall'],
  ] as const)(
    'A9: %s for ever is asked twice, not three times, and given up',
    async ([, kind], { expect, onTestFinished }) => {
      const { storage, encode, expectGolden } = await startIsolate(onTestFinished);
      await storage.setFaults({ file: LAYER, kind });
      expect(await encode('a')).toMatchObject({ status: 503, json: { error: { code: 'model_unavailable' } } });
      const asked = (await storage.takeRequests()).filter((file) => file === LAYER);
      expect(asked.length).toBeLessThanOrEqual(2); // no attempt begins later than 10 s after the first
      await storage.setFaults();
      await expectGolden();
    },
  );

  it('A9: never sends the manifest is given up, and asked again by the next request', async ({
    expect,
    onTestFinished,
  }) => {
    const { storage, get, expectGolden } = await startIsolate(onTestFinished);
    await storage.setFaults({ file: 'manifest.json', kind: 'silent', times: 1 });
    expect(await get('/health')).toMatchObject({ status: 503, json: { error: { code: 'model_unavailable' } } });
    await expectGolden();
  });
});
