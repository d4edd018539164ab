import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import { deleteDocument } from '../../../src/documents/document-store.ts';
import { r2Sink } from '../../../src/documents/sinks/r2-sink.ts';
import { parseExternalId, type VectorSink } from '../../../src/documents/sinks/sink.ts';
import { vectorizeSink } from '../../../src/documents/sinks/vectorize-sink.ts';
import { FINGERPRINT } from '../../support/fake-embedder.ts';
import { fakeVectorize } from '../../support/fake-vectorize.ts';
import { db, jobStand, put, rows, vectorRows } from './job-stand.ts';
import { resetDocuments } from './reset-documents.ts';

interface Outside {
  readonly sink: VectorSink;
  /** Ids of the documents it has, ascending; one twice is there twice. */
  ids(): Promise<string[]>;
}

const bucket = (env as unknown as { MODELS: R2Bucket }).MODELS;
const PREFIX = `${FINGERPRINT}/`;
const objects = async () => {
  const { objects } = await bucket.list({ prefix: PREFIX });
  const texts = await Promise.all(objects.map(async ({ key }) => (await bucket.get(key))!.text()));
  return texts.map((text) => JSON.parse(text));
};

const OUTSIDE: Readonly<Record<string, () => Outside>> = {
  Vectorize: () => {
    const { index, vectors } = fakeVectorize();
    const ids = async () => [...vectors.values()].map(({ metadata }) => String(metadata.id)).sort();
    return { sink: vectorizeSink(index), ids };
  },
  R2: () => ({ sink: r2Sink(bucket), ids: async () => (await objects()).map(({ id }) => id).sort() }),
};

beforeEach(async () => {
  await resetDocuments();
  const { objects } = await bucket.list({ prefix: PREFIX });
  await bucket.delete(objects.map(({ key }) => key));
});

describe.each(Object.entries(OUTSIDE))('%s beside D1', (_, open) => {
  it('has what D1 has: after an import, a change, a deletion, and a text that comes back', async () => {
    const { sink, ids } = open();
    const stand = jobStand({ sinks: [sink] });
    const settle = async () => {
      await stand.tick(true);
      await stand.deliver();
      await stand.tick(true); // takes away what is of no more use
    };
    await put({ a: 'one', b: 'two', c: 'three' });
    await settle();
    expect(await ids()).toEqual(['a', 'b', 'c']);
    await put({ b: 'changed' });
    await deleteDocument(db, 'a', 'c');
    await settle();
    expect(await ids()).toEqual(['a', 'b']);
    await put({ b: 'two' });
    await put({ c: 'three' });
    await settle();
    expect(await ids()).toEqual(['a', 'b', 'c']);
    expect(await rows('SELECT * FROM removals')).toEqual([]);
    const external = await rows('SELECT external_id AS id, document, revision FROM vectors');
    for (const { id, document, revision } of external) {
      expect(parseExternalId(String(id))).toMatchObject({ key: document, revision });
    }
  });

  it('that takes nothing leaves D1 without vectors, costs no attempt, and catches up', async () => {
    const { sink, ids } = open();
    let isDown = true;
    const failing: VectorSink = {
      ...sink,
      put: async (records) => {
        if (isDown) throw new Error('capacity exceeded');
        await sink.put(records);
      },
    };
    const stand = jobStand({ sinks: [failing] });
    await put({ a: 'one', b: 'two' });
    for (let i = 0; i < 6; i++) {
      await stand.tick(true);
      expect((await stand.deliver()).map(({ outcome }) => outcome())).toEqual([30, 30]);
      await db.prepare('UPDATE jobs SET free_at = 0').run();
    }
    expect(await vectorRows()).toEqual([]);
    expect(await rows('SELECT DISTINCT state, attempts, last_error AS reason FROM jobs')).toEqual([
      { state: 'pending', attempts: 0, reason: `${sink.name} does not take vectors: capacity exceeded` },
    ]);
    isDown = false;
    await stand.tick(true);
    await stand.deliver();
    expect((await vectorRows()).map(({ id }) => id)).toEqual(['a', 'b']);
    expect(await ids()).toEqual(['a', 'b']);
  });

  it('forgets what D1 did not take, because the text had changed or was gone', async () => {
    const { sink, ids } = open();
    const late: VectorSink = {
      ...sink,
      async put(records) {
        await sink.put(records);
        if (!records.some(({ document }) => document.text === 'one')) return;
        await put({ a: 'changed' });
        await deleteDocument(db, 'a', 'b');
      },
    };
    const stand = jobStand({ sinks: [late] });
    await put({ a: 'one', b: 'two' });
    for (let i = 0; i < 2; i++) {
      await stand.tick(true);
      await stand.deliver();
    }
    await stand.tick(true);
    expect(await ids()).toEqual(['a']);
    expect(await rows('SELECT revision FROM vectors')).toEqual([{ revision: 2 }]);
  });
});

describe('R2', () => {
  it('has a line a document with everything that another store wants', async () => {
    const stand = jobStand({ sinks: [r2Sink(bucket)] });
    await put({ a: 'one' });
    await stand.tick();
    await stand.deliver();
    const [line] = await objects();
    expect(line).toMatchObject({ tenant: 'a', id: 'a', revision: 1, fingerprint: FINGERPRINT });
    expect(line.content_hash).toMatch(/^[0-9a-f]{64}$/);
    expect(line.dense_vecs).toHaveLength(64);
    expect(Object.keys(line.lexical_weights)).toHaveLength(3);
  });
});
