import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openLocalStorage } from '../../cli/local-storage.ts';
import { LIMITS } from '../../src/limits.ts';
import { type DevServer, freePort, rawRequest, startDevServer } from '../support/dev-server.ts';
import { modelDirectory, readGolden } from '../support/models.ts';
import { jsonLines, M3EDGE, m3edge } from '../support/run-command.ts';

const model = modelDirectory('micro-m3', 'q8');
const golden = readGolden('micro-m3').texts.map(({ text }) => text);
const json = { 'content-type': 'application/json', 'cache-control': 'no-cache' }; // the engine is under test, not the answer cache

describe('m3edge dev', () => {
  let server: DevServer;
  let goldenAnswer = '';

  const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(server.url + path, {
      method: 'POST',
      headers: { ...json, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  const encodeGolden = async () => (await post('/encode', { texts: golden[4], return_sparse: true })).text;
  const raw = (method: string, path: string, headers = {}, body: readonly Uint8Array[] = []) =>
    rawRequest(server.port, method, path, headers, body);

  beforeAll(async () => {
    server = await startDevServer(model);
    goldenAnswer = await encodeGolden();
  });
  afterAll(() => server?.stop());
  afterEach(async () => {
    expect(await encodeGolden(), 'the same answer as before, whatever came in between').toBe(goldenAnswer);
  });

  it('says where it is, what it serves and how to ask, and the example works', () => {
    const output = server.output();
    expect(output).toContain(`http://localhost:${server.port}`);
    const { fingerprint } = JSON.parse(goldenAnswer);
    expect(output).toContain(`micro-m3, q8, fingerprint ${fingerprint}`);
    const example = output.slice(output.indexOf('curl -s '));
    const answer = execFileSync('sh', ['-c', example.slice(0, example.indexOf("}'") + 2)], { encoding: 'utf8' });
    expect(JSON.parse(answer)).toMatchObject({ model: 'micro-m3', fingerprint });
  });

  it('gives the bytes that the command line gives, for every output', async () => {
    const args = ['encode', '--model', model, '--sparse', '--colbert', '--truncate', '--json'];
    const input = golden.map((text) => `${JSON.stringify(text)}\n`).join('');
    const { code, stdout } = await m3edge(args, input);
    expect(code).toBe(0);
    const body = { texts: golden, return_sparse: true, return_colbert_vecs: true, truncate: true };
    const answer = await post('/encode', body, { accept: 'application/x-ndjson' });
    expect(answer.status).toBe(200);
    expect(stdout === answer.text).toBe(true);
  });

  it('gives a text the same bytes alone and in a batch', async () => {
    const options = { return_sparse: true, return_colbert_vecs: true, truncate: true };
    const together = JSON.parse((await post('/encode', { texts: golden, ...options })).text);
    for (const index of [0, 7, 12, 24]) {
      const alone = JSON.parse((await post('/encode', { texts: golden[index], ...options })).text);
      for (const part of ['dense_vecs', 'lexical_weights', 'colbert_vecs']) {
        expect(alone[part][0]).toEqual(together[part][index]);
      }
    }
  });

  it('scores as the command line does', async () => {
    const passages = golden.slice(1, 4);
    const { stdout } = await m3edge(
      ['score', '--model', model, '--query', golden[0]!, '--json'],
      passages.map((text) => JSON.stringify(text)).join('\n'),
    );
    const answer = JSON.parse((await post('/score', { query: golden[0], passages })).text);
    for (const [index, line] of jsonLines(stdout).entries()) {
      for (const column of ['dense', 'sparse', 'colbert', 'sparse+dense', 'colbert+sparse+dense']) {
        expect(line[column]).toBe(answer[column][index]);
      }
    }
  });

  it.each([
    '/model/manifest.json',
    '/manifest.json',
    '/model/layer-00.bin',
    '/layer-00.bin',
    '/model/',
    '/model',
    '/%6d%6f%64%65%6c/manifest.json',
    '/model%2fmanifest.json',
    '/model%5cmanifest.json',
    '//model/manifest.json',
    '/./model/manifest.json',
    '/x/../model/manifest.json',
    '/x/..%2fmodel/manifest.json',
    '/model/manifest.json?x=1',
    '/model/manifest',
    '/.model/manifest.json',
    '/index.html',
  ])('does not serve %s', async (path) => {
    for (const method of ['GET', 'HEAD', 'POST']) {
      const { status, text } = await raw(method, path, { accept: '*/*', range: 'bytes=0-9' });
      expect({ path, method, status }).toEqual({ path, method, status: 404 });
      expect(text).not.toContain('sha256');
    }
  });

  const errorOf = ({ status, text }: { status: number; text: string }) => ({
    status,
    code: JSON.parse(text).error.code,
  });

  it('refuses a body that is too large, by its length and by what arrives', async () => {
    const chunk = new Uint8Array(64 * 1024).fill(0x20);
    const chunks = Array<Uint8Array>(Math.ceil(LIMITS.bodyBytes / chunk.length) + 1).fill(chunk);
    const tooLarge = { status: 413, code: 'body_too_large' };
    expect(errorOf(await post('/encode', ' '.repeat(LIMITS.bodyBytes + 1)))).toEqual(tooLarge);
    expect(errorOf(await raw('POST', '/encode', { ...json, 'transfer-encoding': 'chunked' }, chunks))).toEqual(
      tooLarge,
    );
  });

  it.each([
    ['a text body', { 'content-type': 'text/plain' }, '{"texts":"a"}', 415, 'unsupported_media_type'],
    ['gzip', { 'content-encoding': 'gzip' }, '{"texts":"a"}', 415, 'unsupported_media_type'],
    ['half an object', {}, '{"texts":', 400, 'bad_request'],
    ['200,000 brackets', {}, '['.repeat(200_000), 400, 'bad_request'],
    ['a lone surrogate', {}, '{"texts":"\\ud800"}', 400, 'bad_request'],
    ['a field that does not exist', {}, '{"texts":"a","dimensions":0}', 400, 'bad_request'],
    ['no texts', {}, '{"texts":[]}', 422, 'empty_input'],
    ['white space', {}, '{"texts":[" \\u200b"]}', 422, 'empty_input'],
    ['too many texts', {}, JSON.stringify({ texts: Array(257).fill('a') }), 422, 'batch_too_large'],
    ['a text too long', {}, JSON.stringify({ texts: 'long '.repeat(5000) }), 422, 'input_too_long'],
  ])('refuses %s', async (_, headers, body, status, code) => {
    const answer = await post('/encode', body, headers);
    expect(errorOf(answer)).toEqual({ status, code });
    expect(answer.headers.get('x-request-id')).toBe(JSON.parse(answer.text).error.request_id);
  });

  it('refuses invalid UTF-8', async () => {
    const body = [Buffer.from('{"texts":"'), Uint8Array.of(0xed, 0xa0, 0x80), Buffer.from('"}')];
    expect(errorOf(await raw('POST', '/encode', json, body))).toEqual({ status: 400, code: 'bad_request' });
  });

  it('answers a text of one repeated character, of combining marks and of emoji', async () => {
    const hostile = [
      'a'.repeat(100_000),
      `e${'\u0301'.repeat(100_000)}`,
      '👩‍👩‍👧‍👦'.repeat(5000),
      '\ufdfa'.repeat(20_000),
    ];
    for (const text of hostile) {
      const { status } = await post('/encode', { texts: text, truncate: true });
      expect(status).toBe(200);
    }
  });

  it('serves many callers at once, each as if it were alone', async () => {
    const answers = await Promise.all(
      golden.slice(0, 20).map((text) => post('/encode', { texts: text, truncate: true })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    const together = JSON.parse((await post('/encode', { texts: golden.slice(0, 20), truncate: true })).text);
    expect(answers.map(({ text }) => JSON.parse(text).dense_vecs[0])).toEqual(together.dense_vecs);
  });

  it('is not hurt by a caller that leaves in the middle', async () => {
    const abort = new AbortController();
    const response = await fetch(`${server.url}/encode`, {
      method: 'POST',
      headers: { ...json, accept: 'text/event-stream' },
      body: JSON.stringify({ texts: golden, truncate: true, return_colbert_vecs: true }),
      signal: abort.signal,
    });
    const { value } = await response.body!.getReader().read();
    expect(new TextDecoder().decode(value)).toMatch(/^event: tokens\n/); // comes before any layer
    abort.abort();
  });

  it('refuses a port that is taken, with the fix', async () => {
    const { code, stderr } = await m3edge(['dev', '--model', model, '--port', String(server.port)]);
    expect(code).toBe(2);
    expect(stderr).toContain('--port');
  });
});

describe('m3edge dev on a state of its own', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'm3edge-state-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('takes documents once it has said what it serves, though nothing was there, and has them after a restart', async () => {
    const command = [...M3EDGE, 'dev', '--state', join(directory, 'new')];
    const document = { text: 'kept', metadata: { from: 'the first run' } };
    const first = await startDevServer(model, command);
    const put = await fetch(`${first.url}/documents/d1`, {
      method: 'PUT',
      headers: json,
      body: JSON.stringify(document),
    });
    await first.stop();
    expect(put.status).toBe(202);
    const second = await startDevServer(model, command);
    const got = await fetch(`${second.url}/documents/d1`);
    const answer = await got.json();
    await second.stop();
    expect(answer).toMatchObject(document);
  });

  it('refuses a database that is not its own, with exit code 2, and leaves nothing running', async () => {
    const storage = await openLocalStorage(directory, 'DOCUMENTS', { type: 'd1', id: 'm3edge-documents' });
    const database = await storage.getD1Database('DOCUMENTS');
    await database.prepare('CREATE TABLE vectors (mine TEXT)').all();
    await storage.dispose();
    const assets = join(directory, 'assets');
    const port = await freePort();
    const options = ['--state', directory, '--assets', assets, '--port', String(port)];
    const { code, stderr } = await m3edge(['dev', '--model', model, ...options]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('table vectors already exists') });
    if (process.platform === 'linux') expect(processesNaming(assets)).toEqual([]);
  });
});

describe.each(['SIGTERM', 'SIGINT'] as const)('m3edge dev on %s', (signal) => {
  it.skipIf(process.platform !== 'linux')('ends with all that it started', async () => {
    const server = await startDevServer(model);
    const started = processesNaming(server.assets);
    expect(started.length).toBeGreaterThan(1);
    expect(await server.stop(signal)).toBe(0);
    await expect.poll(() => processesNaming(server.assets)).toEqual([]);
    await expect(fetch(server.url)).rejects.toThrow();
  });
});

describe('npm start', () => {
  it.skipIf(process.platform !== 'linux')('ends with all that it started when npm is told to', async () => {
    const server = await startDevServer(model, ['npm', 'start', '--']);
    expect(processesNaming(server.assets).length).toBeGreaterThan(2);
    await server.stop();
    await expect.poll(() => processesNaming(server.assets)).toEqual([]);
  });
});

/** Processes with `text` among their arguments: /proc shows them on Linux. */
function processesNaming(text: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
    } catch {
      return false; // it has just ended
    }
  });
}
