import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createDocumentState,
  type DocumentServer,
  type DocumentState,
  startDocumentServer,
} from '../support/document-server.ts';
import { torture } from '../support/document-torture.ts';
import { modelDirectory } from '../support/models.ts';

const models = [modelDirectory('micro-m3', 'q8'), modelDirectory('micro-m3', 'q4')] as const;

describe('wrangler dev, with real D1, queues and cron', () => {
  let state: DocumentState;
  let server: DocumentServer;

  beforeAll(async () => {
    state = await createDocumentState();
    server = await startDocumentServer(state, state.stage(models[0]));
  });
  afterAll(async () => {
    await server?.kill();
    state?.remove();
  });

  const status = () => server.json('GET', '/reembed/status');
  const settle = async () => {
    await server.tick();
    await expect.poll(async () => (await status()).pending, { interval: 100 }).toBe(0);
  };
  /** When each document's vectors were written, in a counter of their own. */
  const written = () => {
    const database = state.open();
    try {
      return database.prepare('SELECT document, revision, embedded_at FROM vectors ORDER BY document').all();
    } finally {
      database.close();
    }
  };

  it('embeds an import after a tick, and after one edit that one again and no other', async () => {
    const lines = Array.from({ length: 40 }, (_, i) => JSON.stringify({ id: `d${i}`, text: `text number ${i}` }));
    expect(await server.import(lines.join('\n'))).toEqual({ lines: 40, changed: 40, refused: 0, errors: [] });
    await settle();
    expect(await status()).toMatchObject({ total: 40, embedded: 40, pending: 0, failed: 0 });
    const before = written();

    await sleep(1100); // embedded_at counts seconds: what is written from here on has another one
    await server.json('PUT', '/documents/d7', { text: 'another text' });
    await settle();
    expect(await server.json('GET', '/documents/d7')).toMatchObject({ state: 'embedded', revision: 2 });
    const changed = written().filter((row, i) => JSON.stringify(row) !== JSON.stringify(before[i]));
    expect(changed).toMatchObject([{ revision: 2 }]);
  });

  it('writes a poison document down as failed, by name and reason, and embeds the others', async () => {
    const lines = [
      { id: 'good', text: 'short enough' },
      { id: 'poison', text: 'word '.repeat(2000) },
    ];
    await server.import(lines.map((line) => JSON.stringify(line)).join('\n'));
    await settle();
    const { documents } = await server.json('GET', '/documents?state=failed');
    expect(documents).toMatchObject([
      { id: 'poison', attempts: 1, last_error: expect.stringContaining('input_too_long') },
    ]);
    expect(await server.json('GET', '/documents/good')).toMatchObject({ state: 'embedded' });
  });

  it('lets nobody fire the cron by a route of the app: fault E52', async () => {
    for (const path of ['/__scheduled', '/scheduled', '/cron']) {
      expect((await fetch(server.url + path)).status, path).toBe(404);
    }
  });
});

describe('a server that is killed again and again: fault B27', () => {
  it('loses and doubles nothing of 60 documents, the model changed half way; npm run check documents has 1,000', async () => {
    const report = await torture({ models, documents: 60, kills: 3, seed: 7 });
    expect(report.claimedByDead).toBeGreaterThan(0);
    expect(report).toMatchObject({
      documents: 60,
      ...{ lost: 0, duplicated: 0, wrongHashes: 0, wrongVectors: 0, wrongPostings: 0, jobs: 0 },
      servesLastModel: true,
    });
  });
});
