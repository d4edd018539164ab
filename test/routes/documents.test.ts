import { describe, expect, it } from 'vitest';
import { createAccess } from '../../src/auth/access.ts';
import type { ApiKey, Role } from '../../src/auth/api-keys.ts';
import type { Database, Statement } from '../../src/documents/database.ts';
import { BATCH_BYTES, contentHash } from '../../src/documents/document-store.ts';
import type { Hint } from '../../src/documents/hints.ts';
import { LIMITS } from '../../src/limits.ts';
import { appUnderTest } from '../support/call-app.ts';
import { FINGERPRINT, fakeEmbedder } from '../support/fake-embedder.ts';
import { documentDeps } from '../support/sqlite-database.ts';

const sha256 = async (text: string) =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
/** Keys `TENANT-ROLE`. */
const keys: ApiKey[] = await Promise.all(
  ['ann', 'bob'].flatMap((tenant) =>
    (['read', 'write', 'admin'] as const).map(async (role: Role) => {
      const id = `${tenant}-${role}`;
      return { id, tenant, role, sha256: await sha256(id) };
    }),
  ),
);
const jsonType = { 'content-type': 'application/json' };
const lines = { 'content-type': 'application/x-ndjson' };

function stand() {
  const sent: Hint[] = [];
  const deps = documentDeps(fakeEmbedder(), sent);
  const { send } = appUnderTest(undefined, { ...deps, access: createAccess({ keys }) });
  const as =
    (key: string) =>
    (method: string, path: string, body?: unknown, headers: Record<string, string> = jsonType) =>
      send(path, {
        method,
        headers: { authorization: `Bearer ${key}`, ...headers },
        ...(body !== undefined && {
          body: typeof body === 'string' || body instanceof ReadableStream ? body : JSON.stringify(body),
          ...(body instanceof ReadableStream && { duplex: 'half' as const }),
        }),
      });
  return { as, ann: as('ann-write'), bob: as('bob-write'), sent, database: deps.database! };
}

describe('PUT /documents/:id', () => {
  it('stores a text, which waits to be embedded, and sends one message', async () => {
    const { ann, sent } = stand();
    const put = await ann('PUT', '/documents/a', { text: 'one', metadata: { page: 1, tags: ['x'] } });
    const content_hash = await contentHash('one');
    expect(put).toMatchObject({ status: 202, json: { id: 'a', content_hash, changed: true } });
    expect(sent).toEqual([{ version: 1, document: 1 }]);
    const { json } = await ann('GET', '/documents/a');
    expect(json).toEqual({
      ...{ id: 'a', content_hash, revision: 1, state: 'pending', attempts: 0, last_error: null },
      updated_at: expect.stringMatching(/^20\d\d-\d\d-\d\dT[\d:]+\.000Z$/),
      ...{ text: 'one', metadata: { page: 1, tags: ['x'] } },
    });
  });

  it('counts changes of the text, sends nothing where nothing changes, and replaces metadata', async () => {
    const { ann, sent } = stand();
    const put = (text: string, metadata?: unknown) => ann('PUT', '/documents/a', { text, metadata });
    await put('one', { a: 1 });
    expect((await put('one', { a: 1 })).json.changed).toBe(false);
    expect(sent).toHaveLength(1);
    expect((await put('one', { b: 2 })).json.changed).toBe(true);
    expect((await ann('GET', '/documents/a')).json).toMatchObject({ revision: 1, metadata: { b: 2 } });
    await put('two');
    expect((await ann('GET', '/documents/a')).json).toMatchObject({ revision: 2, text: 'two', metadata: {} });
  });

  it('keeps every character that it takes', async () => {
    const { ann } = stand();
    const text = `"\\ \u0000\u0001\u001f é 雨 🐋 '; DROP TABLE documents; --\r\n`;
    await ann('PUT', '/documents/a', { text, metadata: { [text]: text } });
    expect((await ann('GET', '/documents/a')).json).toMatchObject({ text, metadata: { [text]: text } });
    const line = JSON.stringify({ id: 'b', text });
    await ann('POST', '/documents', `${line}\n${line.replace('"b"', '"c"')}`, lines);
    for (const id of ['b', 'c']) {
      expect((await ann('GET', `/documents/${id}`)).json).toMatchObject({
        text,
        content_hash: await contentHash(text),
      });
    }
  });

  it.each([
    [{}, 'bad_request', 'text'],
    [{ text: 7 }, 'bad_request', 'text'],
    [{ text: ' \u200b' }, 'empty_input', 'text'],
    [{ text: 'a\ud800' }, 'bad_request', 'text'],
    [{ text: 'a', metadata: [] }, 'bad_request', 'metadata'],
    [{ text: 'a', id: 'b' }, 'bad_request', 'id'],
    [{ text: 'a', metadata: { m: 'x'.repeat(LIMITS.documentBytes) } }, 'input_too_long', 'text'],
  ])('refuses what is no document: %#', async (body, code, param) => {
    const { ann, sent } = stand();
    expect((await ann('PUT', '/documents/a', body)).json.error).toMatchObject({ code, param });
    expect((await ann('GET', '/documents/a')).status).toBe(404);
    expect(sent).toEqual([]);
  });

  it('takes the ids that are safe to print, and no others: faults E55 and E56', async () => {
    const { ann } = stand();
    for (const id of ['a', 'A-z_0.9:b', 'x'.repeat(128), 'export', 'import', '..x']) {
      expect((await ann('PUT', `/documents/${id}`, { text: 'a' })).status, id).toBe(202);
      expect((await ann('GET', `/documents/${id}`)).json.id).toBe(id);
    }
    for (const id of ['x'.repeat(129), 'a%0d%0ab', 'a%1b[31m', "a'%20OR%201=1--", 'a%25', '%c3%a9', 'a%20b']) {
      for (const [method, body] of [['PUT', { text: 'a' }], ['GET'], ['DELETE']] as const) {
        const { status, json } = await ann(method, `/documents/${id}`, body);
        expect({ status, param: json.error.param }, `${method} ${id}`).toEqual({ status: 400, param: 'id' });
      }
    }
  });
});

describe('documents of another tenant: fault E51', () => {
  it('are not there, for reading, changing and deleting', async () => {
    const { ann, bob, as, database } = stand();
    await ann('PUT', '/documents/a', { text: 'of ann' });
    const absent = await bob('GET', '/documents/nothing');
    const foreign = await bob('GET', '/documents/a');
    const withoutId = ({ error: { request_id, ...rest } }: { error: Record<string, unknown> }) => rest;
    expect(foreign.status).toBe(404);
    expect(withoutId(foreign.json)).toEqual(withoutId(absent.json));
    expect((await bob('DELETE', '/documents/a')).status).toBe(404);
    expect((await bob('GET', '/documents')).json.documents).toEqual([]);
    expect((await as('bob-admin')('GET', '/documents', undefined)).json.documents).toEqual([]);
    await bob('PUT', '/documents/a', { text: 'of bob' });
    expect((await ann('GET', '/documents/a')).json.text).toBe('of ann');
    const { results } = await database.prepare('SELECT COUNT(*) AS count FROM documents').all();
    expect(results).toMatchObject([{ count: 2 }]);
  });
});

describe('roles: fault E52', () => {
  it('let readers read, writers write, and admins re-embed', async () => {
    const { as } = stand();
    const calls = [
      ['GET', '/documents', undefined],
      ['GET', '/documents/a', undefined],
      ['PUT', '/documents/a', { text: 'a' }],
      ['DELETE', '/documents/b', undefined],
      ['POST', '/documents', '{"id":"c","text":"c"}'],
      ['POST', '/reembed', {}],
      ['GET', '/reembed/status', undefined],
    ] as const;
    const statuses = async (key: string) => {
      const all = [];
      for (const [method, path, body] of calls) {
        all.push((await as(key)(method, path, body, typeof body === 'string' ? lines : jsonType)).status);
      }
      return all;
    };
    expect(await statuses('ann-read')).toEqual([200, 404, 403, 403, 403, 403, 403]);
    expect(await statuses('ann-write')).toEqual([200, 404, 202, 404, 200, 403, 403]);
    expect(await statuses('ann-admin')).toEqual([200, 200, 202, 404, 200, 200, 200]);
    expect(await statuses('nobody')).toEqual(new Array(7).fill(401));
  });
});

describe('GET /documents', () => {
  it('goes through the ids page by page, of one state or of all', async () => {
    const { ann, as, database } = stand();
    const ids = Array.from({ length: 25 }, (_, i) => `d${String(i).padStart(2, '0')}`);
    await ann('POST', '/documents', ids.map((id) => JSON.stringify({ id, text: id })).join('\n'), lines);
    const seen: string[] = [];
    for (let next: string | null = ''; next !== null; ) {
      const { json } = await ann('GET', `/documents?limit=10${next && `&after=${next}`}`);
      seen.push(...json.documents.map(({ id }: { id: string }) => id));
      next = json.next;
    }
    expect(seen).toEqual(ids);
    await as('ann-admin')('POST', '/reembed', {}); // promises them, for the set of this model
    await database
      .prepare("UPDATE jobs SET state = 'failed', attempts = 5, last_error = 'why' WHERE document = 3")
      .all();
    const ofState = async (state: string) => (await ann('GET', `/documents?state=${state}`)).json.documents;
    expect(await ofState('failed')).toMatchObject([{ id: 'd02', state: 'failed', attempts: 5, last_error: 'why' }]);
    expect(await ofState('pending')).toHaveLength(24);
    expect(await ofState('embedded')).toEqual([]);
  });

  it.each([
    ['state=lost', 'state'],
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=1e3', 'limit'],
    ['after=%00', 'after'],
    ['offset=3', 'offset'],
  ])('refuses %s by its name', async (query, param) => {
    const { ann } = stand();
    expect(await ann('GET', `/documents?${query}`)).toMatchObject({ status: 400, json: { error: { param } } });
  });
});

describe('an import', () => {
  it('takes the good lines and names the others', async () => {
    const { ann, sent } = stand();
    const body = [
      '{"id":"a","text":"one"}',
      '',
      '{"id":"b","text":"two","metadata":{"k":1}}\r',
      '{"id":"c"',
      '{"id":"d/","text":"x"}',
      '{"id":"e","text":" "}',
      '{"id":"f","text":"x","text":"y"}',
      '[]',
      `{"id":"g","text":"${'x'.repeat(LIMITS.documentBytes)}"}`,
      `{"id":"h","text":"${'x'.repeat(LIMITS.bodyBytes)}"}`,
      '{"id":"a","text":"one, again"}',
      '{"id":"i","text":"last, without an end"}',
    ].join('\n');
    const { status, json } = await ann('POST', '/documents', body, lines);
    expect(status).toBe(200);
    expect({ ...json, errors: json.errors.map((e: Record<string, unknown>) => [e.line, e.code, e.param]) }).toEqual({
      ...{ lines: 11, changed: 4, refused: 7 },
      errors: [
        [4, 'bad_request', undefined],
        [5, 'bad_request', 'id'],
        [6, 'empty_input', 'text'],
        [7, 'bad_request', 'text'],
        [8, 'bad_request', undefined],
        [9, 'input_too_long', undefined],
        [10, 'body_too_large', undefined],
      ],
    });
    expect((await ann('GET', '/documents/a')).json.text).toBe('one, again');
    expect(sent).toHaveLength(1);
  });

  it('comes back as it was, by an export', async () => {
    const { ann, bob } = stand();
    const text = Array.from(
      { length: 1200 },
      (_, i) => `${JSON.stringify({ id: `d${10_000 + i}`, text: `text ${i} é`, metadata: { i } })}\n`,
    );
    await bob('PUT', '/documents/other', { text: 'not ann’s' });
    expect((await ann('POST', '/documents', text.join(''), lines)).json).toMatchObject({ lines: 1200, changed: 1200 });
    const { text: all, headers } = await exportOf(ann);
    expect(headers.get('content-type')).toBe('application/x-ndjson');
    expect(all).toBe(text.join(''));
  });

  it('takes bytes however they are cut', async () => {
    const { ann } = stand();
    const bytes = new TextEncoder().encode('{"id":"a","text":"雨"}\n{"id":"b","text":"é"}\n');
    const body = new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    expect((await ann('POST', '/documents', body, lines)).json).toMatchObject({ lines: 2, changed: 2, refused: 0 });
    expect((await ann('GET', '/documents/a')).json.text).toBe('雨');
  });

  it('of 100,000 documents never reads more than a batch ahead of what is stored', async () => {
    const { send, stored } = bareStand();
    const line = (i: number) => {
      const number = String(i).padStart(6, '0'); // all lines are of one length
      return new TextEncoder().encode(`${JSON.stringify({ id: number, text: `${number} ${'word '.repeat(40)}` })}\n`);
    };
    let [sent, sentBytes, aheadBytes] = [0, 0, 0];
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const bytes = line(sent++);
          controller.enqueue(bytes);
          sentBytes += bytes.length;
          aheadBytes = Math.max(aheadBytes, sentBytes - stored() * line(0).length);
          if (sent === 100_000) controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    const { json } = await send('POST', '/documents', body, lines);
    expect(json).toEqual({ lines: 100_000, changed: 100_000, refused: 0, errors: [] });
    expect(aheadBytes).toBeLessThan(1.1 * BATCH_BYTES);
  });

  it('is refused in another media type, and without a body', async () => {
    const { ann } = stand();
    expect((await ann('POST', '/documents', '{}')).status).toBe(415);
    expect((await ann('POST', '/documents', '', lines)).status).toBe(200);
  });
});

/** A database that stores nothing and says it has. */
function bareStand() {
  let documents = 0;
  const database: Database = {
    prepare: (sql) => {
      const statement: Statement = {
        bind: (json) => Object.assign(prepared(sql), { json }),
        all: async () => ({ results: [], meta: { changes: 0 } }),
        first: async () => null,
      };
      return statement;
    },
    async batch(statements) {
      const json = (statements[1] as unknown as { json: string }).json;
      const results = (JSON.parse(json) as unknown[]).map((_, i) => ({ key: i }) as never);
      documents += results.length;
      return [
        { results: [], meta: { changes: 0 } },
        { results, meta: { changes: 0 } },
      ];
    },
  };
  const prepared = (sql: string) => database.prepare(sql);
  const deps = { ...documentDeps(fakeEmbedder()), database };
  const { send } = appUnderTest(undefined, { ...deps, access: createAccess({ keys: [], anonymous: 'admin' }) });
  const ask = (method: string, path: string, body: ReadableStream, headers: Record<string, string>) =>
    send(path, { method, headers, body, duplex: 'half' });
  return { send: ask, stored: () => documents };
}

type Ask = ReturnType<ReturnType<typeof stand>['as']>;
const exportOf = (ask: Ask) => ask('GET', '/documents', undefined, { accept: 'application/x-ndjson' });

describe('without a database', () => {
  it('every route over documents names the binding, and texts are embedded as ever', async () => {
    const { send, post } = appUnderTest();
    for (const [method, path] of [
      ['GET', '/documents'],
      ['GET', '/documents/a'],
      ['DELETE', '/documents/a'],
      ['GET', '/reembed/status'],
    ] as const) {
      const { status, json } = await send(path, { method });
      expect({ status, message: json.error.message }, path).toEqual({
        status: 404,
        message: expect.stringContaining('bind DOCUMENTS'),
      });
    }
    expect((await post('/encode', { texts: 'a' })).status).toBe(200);
  });
});

describe('POST /reembed', () => {
  it('promises what nobody has promised, and says how far the store is', async () => {
    const { ann, as, sent } = stand();
    await ann('POST', '/documents', '{"id":"a","text":"one"}\n{"id":"b","text":"two"}', lines);
    sent.length = 0;
    const admin = as('ann-admin');
    expect((await admin('POST', '/reembed', {})).json).toEqual({
      ...{ started: true, hinted: 2, retried: 0, switched: false, serving: FINGERPRINT },
    });
    expect(sent).toHaveLength(2);
    expect((await admin('GET', '/reembed/status')).json).toEqual({
      fingerprint: FINGERPRINT,
      ...{ total: 2, embedded: 0, pending: 2, failed: 0, documents_per_minute: 0, seconds_left: null },
      ...{ serving: FINGERPRINT, previous: null },
      sets: [{ fingerprint: FINGERPRINT, embedded: 0, failed: 0, serving: true }],
    });
  });

  it('lets what has failed wait again', async () => {
    const { ann, as, database } = stand();
    await ann('PUT', '/documents/a', { text: 'one' });
    const admin = as('ann-admin');
    await admin('POST', '/reembed', {});
    await database.prepare("UPDATE jobs SET state = 'failed', attempts = 5").all();
    expect((await admin('GET', '/reembed/status')).json).toMatchObject({ pending: 0, failed: 1 });
    expect((await admin('POST', '/reembed', { retry_failed: true })).json).toMatchObject({ retried: 1, hinted: 1 });
    expect((await ann('GET', '/documents/a')).json).toMatchObject({ state: 'pending', attempts: 0 });
  });

  it('goes nowhere where there is nowhere to go', async () => {
    const { as } = stand();
    const admin = as('ann-admin');
    for (const [action, status] of [
      ['rollback', 400],
      ['switch', 200],
      ['jump', 400],
    ] as const) {
      expect((await admin('POST', '/reembed', { action })).status, action).toBe(status);
    }
  });
});
