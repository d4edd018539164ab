import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { type DevServer, startDevServer } from '../support/dev-server.ts';
import { M3EDGE } from '../support/run-command.ts';

const DOCUMENTS = {
  m3: 'BGE M3 is an embedding model with dense, sparse and ColBERT outputs.',
  bm25: 'BM25 is a bag-of-words retrieval function.',
  whale: 'A blue whale is the heaviest animal that has ever lived.',
  tax: 'How to file a tax return for a small company.',
};

describe('POST /search after npm start, with the demo model', () => {
  const state = mkdtempSync(join(tmpdir(), 'm3edge-search-'));
  let server: DevServer;
  const ask = async (method: string, path: string, body?: unknown, type = 'application/json') => {
    const response = await fetch(server.url + path, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': type },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    });
    const text = await response.text();
    return { status: response.status, json: text === '' ? undefined : JSON.parse(text) };
  };
  const search = async (body: unknown) => (await ask('POST', '/search', body)).json;
  const untilEmbedded = async (count: number) => {
    while ((await ask('GET', '/reembed/status')).json.embedded !== count) await sleep(200);
  };

  beforeAll(async () => {
    server = await startDevServer('model-shards/demo', [...M3EDGE, 'dev', '--state', state]);
    const lines = Object.entries(DOCUMENTS).map(([id, text]) => `${JSON.stringify({ id, text })}\n`);
    await ask('POST', '/documents', lines.join(''), 'application/x-ndjson');
    await untilEmbedded(lines.length);
  });
  afterAll(async () => {
    await server.stop();
    rmSync(state, { recursive: true, force: true });
  });

  it('finds the document that answers, with its text and scores', async () => {
    const { results, ...rest } = await search({ query: 'how heavy is a blue whale', return_text: true, limit: 2 });
    expect(results).toHaveLength(2);
    expect(results[0]).toMatchObject({ id: 'whale', text: DOCUMENTS.whale, metadata: {} });
    expect(results[0].score).toBe(results[0]['sparse+dense']);
    expect(rest).toMatchObject({ scored: 4, complete: true, model: 'demo', usage: { passage_tokens: 0 } });
  });

  it('answers m3edge/client the same, and its errors by their fields', async () => {
    const m3 = createClient({ baseUrl: server.url });
    const request = { query: 'embedding model', mode: 'colbert+sparse+dense', limit: 2, return_text: true } as const;
    const answer = await m3.search(request);
    expect(answer).toEqual(await search(request));
    expect(answer.results[0]).toMatchObject({ id: 'm3', text: DOCUMENTS.m3 });
    await expect(m3.search({ query: 'a', limit: 101 })).rejects.toThrow('limit must be at most 100');
    await expect(m3.search({ query: ' ' })).rejects.toMatchObject({ code: 'empty_input', param: 'query' });
    await expect(m3.search({ query: 'a' }, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    );
  });

  it('gives the scores of /score, but for the rounding of what is stored', async () => {
    const query = 'tax return of a company';
    const mode = 'colbert+sparse+dense';
    const weights = { weights_for_different_modes: [0.4, 0.2, 0.4] };
    const { results } = await search({ query, mode, ...weights });
    const passages = Object.values(DOCUMENTS);
    const { json: scores } = await ask('POST', '/score', { query, passages, ...weights });
    const ids = Object.keys(DOCUMENTS);
    expect(results.map(({ id }: { id: string }) => id)).toEqual(
      ids.toSorted((a, b) => scores[mode][ids.indexOf(b)] - scores[mode][ids.indexOf(a)]),
    );
    for (const result of results) {
      for (const name of ['dense', 'sparse', 'colbert', 'sparse+dense', mode]) {
        expect(result[name], name).toBeCloseTo(scores[name][ids.indexOf(result.id)], 3); // float16
      }
    }
  });

  it('forgets a document at once, and finds a changed one by its new text once it is embedded', async () => {
    await ask('DELETE', '/documents/whale');
    const query = 'how heavy is a blue whale';
    expect((await search({ query })).results.map(({ id }: { id: string }) => id)).not.toContain('whale');
    await ask('PUT', '/documents/tax', { text: DOCUMENTS.whale });
    await untilEmbedded(3);
    expect((await search({ query, limit: 1 })).results).toMatchObject([{ id: 'tax' }]);
  });

  it('refuses what it does not know, by name', async () => {
    const { status, json } = await ask('POST', '/search', { query: 'a', top_k: 3 });
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ code: 'bad_request', param: 'top_k' });
    expect((await ask('POST', '/search', { query: 'a', filter: { tags: ['x'] } })).status).toBe(400);
    expect((await ask('POST', '/search', { query: 'a', candidates: 10_001 })).json.error.param).toBe('candidates');
  });
});
