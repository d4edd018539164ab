import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { fixtureDirectory, modelDirectory, readManifest } from '../support/models.ts';
import { GOLDEN_TEXT, startIsolate } from './support/isolate.ts';
import { variantOf } from './support/variant.ts';

const MODEL = modelDirectory('micro-m3', 'q8');
const manifestText = () => readFileSync(join(MODEL, 'manifest.json'), 'utf8');
/** A letter whose piece is among the last of the vocabulary. */
const LATE_LETTER = 'დ';
const idOf = (piece: string): number => {
  const tokenizer = readFileSync(join(fixtureDirectory('micro-m3'), 'tokenizer.json'), 'utf8');
  return JSON.parse(tokenizer).model.vocab.findIndex(([entry]: [string]) => entry === piece);
};
const bytesOf = (text: string) => new TextEncoder().encode(text);

describe.concurrent('a model', () => {
  it('A10: is read by whole files, never by ranges', async ({ expect, onTestFinished }) => {
    const { storage, expectGolden } = await startIsolate(onTestFinished);
    await expectGolden();
    const requests = await storage.takeRequests();
    expect(requests.length).toBeGreaterThan(5);
    expect(requests.filter((request) => request.includes('bytes='))).toEqual([]);
  });

  it('A11: whose table is smaller than its tokenizer’s vocabulary reads nothing for an id beyond it', async ({
    expect,
    onTestFinished,
  }) => {
    const smaller = variantOf(MODEL, (manifest) => {
      // One page less: the last 64 ids have no row.
      const { vocabularySize } = manifest.architecture;
      const { pageRows } = manifest.wordTable;
      const kept = Math.ceil(vocabularySize / pageRows) - 1;
      manifest.architecture.vocabularySize = kept * pageRows;
      delete (manifest.files as Record<string, unknown>)[`words-${String(kept).padStart(5, '0')}.bin`];
    });
    const { storage, post, get } = await startIsolate(onTestFinished, { model: smaller });
    const before = await post('/encode', { texts: ['a'] });
    await storage.takeRequests();
    expect(await post('/encode', { texts: [LATE_LETTER] })).toMatchObject({
      status: 500,
      json: { error: { code: 'internal' } },
    });
    expect((await storage.takeRequests()).filter((file) => file.startsWith('words-'))).toEqual([]);
    expect((await post('/encode', { texts: ['a'] })).text).toBe(before.text);
    expect((await get('/health')).status).toBe(200);
  });

  it.for([
    ['is missing', undefined],
    ['is no JSON', '{"format":'],
    ['has another schema', '{"format":"m3edge/2"}'],
    ['has a digest that is none', manifestText().replace(/"sha256":\s*"[0-9a-f]/, '"sha256":"g')],
    ['names a file larger than its slot', manifestText().replace(/("layer-00\.bin":\s*\{\s*"bytes":\s*)/, '$19')],
  ] as const)('A12: whose manifest %s is not served at all', async ([, text], { expect, onTestFinished }) => {
    const { storage, get, encode, expectGolden } = await startIsolate(onTestFinished);
    const fault =
      text === undefined
        ? ({ kind: 'status', status: 404 } as const)
        : ({ kind: 'replace', bytes: bytesOf(text) } as const);
    await storage.setFaults({ file: 'manifest.json', ...fault });
    expect((await get('/health')).status).toBe(503);
    expect((await encode('a')).status).toBe(503);
    expect(new Set(await storage.takeRequests())).toEqual(new Set(['manifest.json']));
    await storage.setFaults();
    await expectGolden();
  });

  it('A13: whose shard is of another revision is refused, not mixed', async ({ expect, onTestFinished }) => {
    const { storage, encode, expectGolden } = await startIsolate(onTestFinished);
    const other = readFileSync(join(MODEL, 'layer-01.bin'));
    other.fill(64, 0, 64); // as long, with other weights
    await storage.setFaults({ file: 'layer-01.bin', kind: 'replace', bytes: other });
    expect(await encode('a')).toMatchObject({ status: 503, json: { error: { code: 'model_shard_corrupt' } } });
    await storage.setFaults({
      file: 'layer-01.bin',
      kind: 'replace',
      bytes: readFileSync(join(modelDirectory('micro-m3', 'q4'), 'layer-01.bin')),
    });
    expect((await encode('a')).status).toBe(503);
    await storage.setFaults();
    await expectGolden();
  });

  it('A14: that is not the pinned one is refused, and every answer names the one it is from', async ({
    expect,
    onTestFinished,
  }) => {
    const pinned = await startIsolate(onTestFinished, { vars: { MODEL_FINGERPRINT: '0123456789abcdef' } });
    expect(await pinned.encode('a')).toMatchObject({ status: 503, json: { error: { code: 'model_shard_corrupt' } } });
    const any = await startIsolate(onTestFinished);
    const { headers, json } = await any.encode('a');
    expect(headers.get('x-embedding-fingerprint')).toBe(json.fingerprint);
    const right = await startIsolate(onTestFinished, { vars: { MODEL_FINGERPRINT: json.fingerprint } });
    await right.expectGolden();
  });

  it('A17: with a scale that is not a number gives no vector', async ({ expect, onTestFinished }) => {
    const { pageRows } = readManifest(MODEL).wordTable;
    const id = idOf(LATE_LETTER);
    const poisoned = variantOf(MODEL, (_, edit) => {
      const page = String(Math.floor(id / pageRows)).padStart(5, '0');
      edit(`words-${page}.bin`, (bytes) => bytes.writeFloatLE(Number.NaN, 4 * (id % pageRows)));
    });
    const { post, encode } = await startIsolate(onTestFinished, { model: poisoned });
    const before = await encode(GOLDEN_TEXT);
    expect(before.status).toBe(200);
    for (const outputs of [{}, { return_dense: false, return_sparse: true }, { return_colbert_vecs: true }]) {
      expect(await post('/encode', { texts: [LATE_LETTER], ...outputs })).toMatchObject({
        status: 500,
        json: { error: { code: 'engine_numeric' } },
      });
    }
    expect((await encode(GOLDEN_TEXT)).json.dense_vecs).toEqual(before.json.dense_vecs);
  });
});
