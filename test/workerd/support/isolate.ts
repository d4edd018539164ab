import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { modelDirectory } from '../../support/models.ts';
import { type Bundle, bundleWorker } from './bundle.ts';
import { type Answer, type OpenRequest, openRequest, send } from './client.ts';
import { type Storage, startStorage } from './storage.ts';
import { startWorkerd, type Workerd, type WorkerdOptions } from './workerd.ts';

/** A fresh isolate, and the storage that it alone reads its model from. */
export interface Isolate {
  readonly workerd: Workerd;
  readonly storage: Storage;
  get(path: string): Promise<Answer>;
  encode(text: string): Promise<Answer>;
  post(path: string, body: unknown): Promise<Answer>;
  /** An /encode request whose connection the test holds. */
  open(text: string): Promise<OpenRequest>;
  /** Lets nothing run out by itself from now on, neither a lease nor the patience with storage: what happens then has another cause. */
  stopClock(): Promise<void>;
  moveClock(ms: number): Promise<void>;
  /** Resolves once so many requests have reached the Worker, all in all. */
  untilArrived(count: number): Promise<void>;
  /** Resolves once so many callers wait for the engine. */
  untilWaiting(count: number): Promise<void>;
  /** Resolves once storage is asked for a file whose name begins like this; what it was asked before is forgotten. */
  untilAsked(file: string): Promise<void>;
  /** The golden request gives, bit for bit, what an isolate gives that has met no fault. */
  expectGolden(): Promise<void>;
  /** Times that a shard was read again, as the log counts them. */
  retries(code: string): number;
}

export interface IsolateOptions extends Partial<Omit<WorkerdOptions, 'bundle'>> {
  readonly model?: string;
}

/** Its pages are read in every pass: rare pieces lie beyond the pages that stay in memory. */
export const GOLDEN_TEXT = 'What is BGE M3? Everyone has the right to education, 日本国憲法';
export const golden = {
  texts: [GOLDEN_TEXT],
  return_sparse: true,
  return_colbert_vecs: true,
  encoding_format: 'base64',
};

let bundle: Promise<Bundle> | undefined;
const directory = mkdtempSync(join(tmpdir(), 'm3edge-workerd-'));
let expected: string;
beforeAll(async () => {
  expected = await healthyAnswer();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** @param onTestFinished The test's own: what is started is stopped with the test. */
export async function startIsolate(
  onTestFinished: (stop: () => Promise<void>) => void,
  { model = modelDirectory('micro-m3', 'q8'), vars, ...options }: IsolateOptions = {},
): Promise<Isolate> {
  bundle ??= bundleWorker(directory);
  const storage = await startStorage(model);
  onTestFinished(storage.stop);
  const workerd = await startWorkerd({
    bundle: await bundle,
    vars: { MODEL_SOURCE: storage.url, ALLOW_ANONYMOUS: 'true', ANSWER_CACHE: 'off', ACCESS_LOG: 'off', ...vars },
    ...options,
  });
  onTestFinished(workerd.stop);
  const { port } = workerd;
  const get = (path: string) => send(port, path);
  const waitingCount = async () => Number(/^te_queue_size (\d+)$/m.exec((await get('/metrics')).text)?.[1]);
  return {
    workerd,
    storage,
    get,
    stopClock: async () => void (await get('/test-hooks?stop')),
    moveClock: async (ms) => void (await get(`/test-hooks?later=${ms}`)),
    untilArrived: (count) => until(async () => (await get('/test-hooks')).json.requests >= count),
    untilWaiting: (count) => until(async () => (await waitingCount()) === count),
    untilAsked: (file) => until(async () => (await storage.takeRequests()).some((name) => name.startsWith(file))),
    encode: (text) => send(port, '/encode', { texts: [text] }),
    post: (path, body) => send(port, path, body),
    open: (text) => openRequest(port, '/encode', { texts: [text] }),
    async expectGolden() {
      const { status, text } = await send(port, '/encode', golden);
      expect({ status, text }).toEqual({ status: 200, text: expected });
    },
    retries: (code) =>
      workerd
        .log()
        .split(`"event":"shard_retry"`)
        .filter((line) => line.includes(`"code":"${code}"`)).length,
  };
}

/** An end for what never comes, and no claim: everything else takes milliseconds, or seconds on a busy machine. */
const END_MS = 100_000;

export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  await vi.waitUntil(isSo, { timeout: END_MS, interval: 5 });
}

async function healthyAnswer(): Promise<string> {
  const stops: (() => Promise<void>)[] = [];
  const { post } = await startIsolate((stop) => void stops.push(stop));
  const { status, text } = await post('/encode', golden);
  for (const stop of stops) await stop();
  if (status !== 200) throw new Error(`the healthy isolate answers ${status}: ${text}`);
  return text;
}
