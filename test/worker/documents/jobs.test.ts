import { beforeEach, describe, expect, it } from 'vitest';
import { deleteDocument, getDocument } from '../../../src/documents/document-store.ts';
import { sendHints } from '../../../src/documents/hints.ts';
import { unpackDense } from '../../../src/documents/packed-vectors.ts';
import { readVectors, servingSet } from '../../../src/documents/stored-vectors.ts';
import { ServiceError } from '../../../src/errors.ts';
import { consumeDeadHints, consumeHints } from '../../../src/jobs/consume.ts';
import { FINGERPRINT, fakeEmbedder } from '../../support/fake-embedder.ts';
import { db, jobStand, message, put, rows, vectorRows } from './job-stand.ts';
import { resetDocuments } from './reset-documents.ts';

const current = (id: string, fingerprint = FINGERPRINT) => ({ id, fingerprint, current: 1 });
const stateOf = async (id: string) => {
  const { state, attempts, lastError } = (await getDocument(db, FINGERPRINT, 'a', id))!;
  return { state, attempts, lastError };
};
const pending = { state: 'pending', attempts: 0, lastError: null };
const embedded = { state: 'embedded', attempts: 0, lastError: null };

beforeEach(resetDocuments);

describe('a document', () => {
  it('is embedded after a tick, and after its text changes it alone again', async () => {
    const stand = jobStand();
    await put({ a: 'one', b: 'two', c: 'three' });
    expect(await stand.tick()).toEqual({ hinted: 3, switched: false });
    expect((await stand.deliver()).map(({ outcome }) => outcome())).toEqual(['ack', 'ack', 'ack']);
    expect(await vectorRows()).toEqual([current('a'), current('b'), current('c')]);
    expect(stand.embedded).toEqual(['one', 'two', 'three']);

    await put({ a: 'one', b: 'two, again' });
    expect([await stateOf('a'), await stateOf('b')]).toEqual([embedded, pending]);
    expect(await stand.tick()).toMatchObject({ hinted: 1 });
    await stand.deliver();
    expect(stand.embedded).toEqual(['one', 'two', 'three', 'two, again']);
    expect(await vectorRows()).toEqual([current('a'), current('b'), current('c')]);
    expect(await stand.tick()).toMatchObject({ hinted: 0 });
  });

  it('is kept with the vectors that the embedder gives', async () => {
    const stand = jobStand({ keepColbert: true });
    const [key] = await put({ a: 'one' });
    await stand.tick();
    await stand.deliver();
    const [expected] = await fakeEmbedder().embed(['one'], { dense: true, sparse: true, colbert: true });
    const [tenant] = await rows('SELECT id FROM tenants');
    const set = (await servingSet(db))!;
    const [stored] = await readVectors(db, set, Number(tenant!.id), [key!], 32);
    expect(stored).toMatchObject({ document: key, tokens: 5, lexicalWeights: expected!.lexicalWeights });
    stored!.dense.forEach((value, i) => {
      expect(value).toBeCloseTo(expected!.dense![i]!, 3);
    });
    expect(stored!.colbert!.map(Math.sign)).toEqual(expected!.colbert!.map((value) => (value > 0 ? 1 : -1)));
    const [{ bytes }] = (await rows('SELECT length(dense) AS bytes FROM vectors')) as [{ bytes: number }];
    expect(unpackDense(new Uint8Array(bytes))).toHaveLength(64);
  });

  it('is embedded without a tick where a message comes first, also before there is any set', async () => {
    const stand = jobStand();
    await sendHints(stand.deps.queue!, await put({ a: 'one' }));
    await stand.deliver();
    expect(await stateOf('a')).toEqual(embedded);
  });

  it('that comes by a bulk import needs one message only: its consumer sends the others', async () => {
    const stand = jobStand();
    const keys = await put(Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`d${i}`, `text ${i}`])));
    await sendHints(stand.deps.queue!, keys.slice(-1));
    await stand.deliver();
    expect(await rows('SELECT COUNT(*) AS count FROM vectors')).toEqual([{ count: 250 }]);
    expect(stand.embedded).toHaveLength(250);
  });

  it('is embedded by the tick itself where there is no queue', async () => {
    const stand = jobStand({ queue: undefined });
    await put({ a: 'one', b: 'two' });
    await stand.tick();
    expect(await vectorRows()).toEqual([current('a'), current('b')]);
  });

  it('is found though nobody has promised to embed it', async () => {
    const stand = jobStand();
    await put({ a: 'one' });
    await stand.tick();
    await stand.deliver();
    await db.prepare("UPDATE vectors SET content_hash = 'other'").run();
    await stand.tick();
    await stand.deliver();
    expect(await vectorRows()).toEqual([current('a')]);
  });

  it('that is deleted takes everything along, also while it is embedded', async () => {
    const stand = jobStand({ beforeTexts: async () => void (await deleteDocument(db, 'a', 'a')) });
    await put({ a: 'one' });
    await stand.tick();
    await stand.deliver();
    for (const table of ['jobs', 'vectors', 'postings'])
      expect(await rows(`SELECT * FROM ${table}`), table).toEqual([]);
  });
});

describe('fault C30: a message that comes twice', () => {
  it('is acknowledged, and nothing is embedded again', async () => {
    const stand = jobStand();
    await put({ a: 'one' });
    await stand.tick();
    const again = message(stand.sent[0]);
    await stand.deliver();
    await consumeHints(stand.deps, [again, message(again.body)]);
    expect(again.outcome()).toBe('ack');
    expect(stand.embedded).toEqual(['one']);
  });

  it('at the same time is one consumer’s alone', async () => {
    const stand = jobStand();
    await put({ a: 'one', b: 'two' });
    await stand.tick();
    const batches = Array.from({ length: 5 }, () => stand.sent.map(message));
    await Promise.all(batches.map((batch) => consumeHints(stand.deps, batch)));
    expect(batches.flat().map(({ outcome }) => outcome())).toEqual(new Array(10).fill('ack'));
    expect([...stand.embedded].sort()).toEqual(['one', 'two']);
    expect(await vectorRows()).toEqual([current('a'), current('b')]);
  });
});

describe('fault C31: a text that changes while it is embedded', () => {
  it('is not written, not even until the new one is embedded', async () => {
    const stand = jobStand({
      beforeTexts: async ([text]) => {
        if (text === 'old') await put({ a: 'new' });
      },
    });
    await put({ a: 'old' });
    await stand.tick();
    await consumeHints({ ...stand.deps, queue: { sendBatch: async () => {} } }, stand.sent.map(message));
    expect(await vectorRows()).toEqual([]);
    expect(await stateOf('a')).toEqual(pending);
  });

  it('is not overwritten by the older one, in whatever order they end', async () => {
    const late: (() => Promise<unknown>)[] = [];
    const stand = jobStand({
      beforeTexts: async ([text]) => {
        if (text !== 'old') return;
        await put({ a: 'new' });
        const fast = jobStand();
        await fast.tick(true);
        await fast.deliver(); // the new text is embedded before the old one is written
        late.push(async () => fast.embedded);
      },
    });
    await put({ a: 'old' });
    await stand.tick();
    await stand.deliver();
    expect(await late[0]!()).toEqual(['new']);
    expect(await vectorRows()).toEqual([current('a')]);
    expect(await rows('SELECT revision FROM vectors')).toEqual([{ revision: 2 }]);
    expect(await rows('SELECT * FROM jobs')).toEqual([]);
  });
});

describe('fault C32: a consumer that ends after writing and before it acknowledges', () => {
  it('leaves a message that changes nothing when it comes again', async () => {
    const stand = jobStand();
    await put({ a: 'one' });
    await stand.tick();
    const [body] = stand.sent;
    const dying = { ...message(body), ack: () => void 0, retry: () => void 0 };
    await consumeHints(stand.deps, [dying]);
    const before = await rows('SELECT * FROM vectors');
    const again = message(body);
    await consumeHints(stand.deps, [again]);
    expect(again.outcome()).toBe('ack');
    expect(await rows('SELECT * FROM vectors')).toEqual(before);
    expect(stand.embedded).toEqual(['one']);
  });

  it('before writing is waited for no longer than its lease, and cannot write late', async () => {
    let finish: (() => void) | undefined;
    const slow = jobStand({ beforeTexts: () => new Promise<void>((resolve) => (finish = resolve)) });
    await put({ a: 'one' });
    await slow.tick();
    const lost = slow.deliver();
    await expect.poll(() => finish).toBeDefined();
    expect(await rows('SELECT claim IS NOT NULL AS held FROM jobs')).toEqual([{ held: 1 }]);
    const other = jobStand();
    await other.tick(true);
    await other.deliver();
    expect(other.embedded).toEqual([]); // held by the first
    await db.prepare('UPDATE jobs SET free_at = 0').run(); // its lease ends
    await other.tick(true);
    await other.deliver();
    expect(other.embedded).toEqual(['one']);
    await db.prepare('UPDATE vectors SET embedded_at = 1').run();
    finish!();
    await lost;
    expect(await rows('SELECT embedded_at FROM vectors')).toEqual([{ embedded_at: 1 }]);
  });
});

describe('fault C33: a poison document', () => {
  const poison = (texts: readonly string[]) => {
    if (texts.some((text) => text.includes('poison'))) throw new ServiceError('engine_numeric', 'not finite');
  };

  it('fails after five attempts, and the others of its batch are embedded with the first', async () => {
    const stand = jobStand({ beforeTexts: poison });
    await put({ a: 'one', b: 'poison', c: 'three', d: 'four' });
    await stand.tick();
    const delays: unknown[] = [];
    for (let attempt = 1; attempt <= 5; attempt++) {
      const delivered = await stand.deliver();
      delays.push(delivered.map(({ outcome }) => outcome()).filter((outcome) => outcome !== 'ack'));
      expect(await vectorRows()).toEqual([current('a'), current('c'), current('d')]);
      await db.prepare('UPDATE jobs SET free_at = 0').run();
      await stand.tick(true);
    }
    expect(delays).toEqual([[10], [20], [40], [80], []]);
    expect(await stateOf('b')).toEqual({ state: 'failed', attempts: 5, lastError: 'engine_numeric: not finite' });
    expect(stand.sent).toEqual([]);
  });

  it('fails at once where it would fail every time', async () => {
    const stand = jobStand();
    await put({ long: 'x'.repeat(600), short: 'one' });
    await stand.tick();
    expect((await stand.deliver()).map(({ outcome }) => outcome())).toEqual(['ack', 'ack']);
    expect(await stateOf('long')).toMatchObject({
      state: 'failed',
      attempts: 1,
      lastError: expect.stringMatching(/^input_too_long: text has more than 512 tokens/),
    });
    expect(await stateOf('short')).toEqual(embedded);
  });

  it('that ends its consumer is embedded alone from then on, and fails by its dead letter', async () => {
    const stand = jobStand();
    await put({ a: 'one', b: 'two', c: 'killer' });
    await stand.tick();
    const batch = [...stand.sent];
    // The consumer is killed: nothing but its claims is left.
    const killed = jobStand({ beforeTexts: (texts) => (texts.includes('killer') ? new Promise(() => {}) : undefined) });
    const isClaimed = () => rows('SELECT COUNT(*) AS held FROM jobs WHERE claim IS NOT NULL');
    for (let death = 1; death <= 5; death++) {
      void consumeHints(killed.deps, batch.map(message));
      await expect.poll(isClaimed).toEqual([{ held: death <= 2 ? 3 : 1 }]);
      await expect.poll(async () => (await vectorRows()).length).toBe(death <= 2 ? 0 : 2);
      await db.prepare('UPDATE jobs SET free_at = 0').run();
    }
    expect(await vectorRows()).toEqual([current('a'), current('b')]);
    const dead = batch.map(message);
    await consumeDeadHints(stand.deps, dead);
    expect(dead.map(({ outcome }) => outcome())).toEqual(['ack', 'ack', 'ack']);
    expect(await stateOf('c')).toEqual({
      state: 'failed',
      attempts: 5,
      lastError: 'its consumer came to no end, 5 times',
    });
    await stand.tick(true);
    await stand.deliver();
    expect(stand.embedded).toEqual([]);
  });

  it('is not made of one whose message died while nothing worked', async () => {
    const stand = jobStand();
    await put({ a: 'one' });
    await stand.tick();
    await consumeDeadHints(stand.deps, stand.sent.map(message));
    expect(await stateOf('a')).toEqual(pending);
  });

  it('begins anew with a new text', async () => {
    const stand = jobStand({ beforeTexts: poison });
    await put({ a: 'x'.repeat(600) });
    await stand.tick();
    await stand.deliver();
    await put({ a: 'cured' });
    expect(await stateOf('a')).toEqual(pending);
    await stand.tick();
    await stand.deliver();
    expect(await stateOf('a')).toEqual(embedded);
  });
});

describe('fault C34: a queue that takes nothing', () => {
  it('leaves documents pending, and a later tick sends them again', async () => {
    let isDown = true;
    const sent: unknown[] = [];
    const stand = jobStand({
      queue: {
        async sendBatch(messages) {
          if (isDown) throw new Error('Queue is overloaded');
          sent.push(...messages);
        },
      },
    });
    await put({ a: 'one' });
    await stand.tick();
    expect(stand.logged).toMatchObject([{ event: 'reembed_queue', message: 'Queue is overloaded' }]);
    expect(await stateOf('a')).toEqual(pending);
    isDown = false;
    expect(await stand.tick()).toMatchObject({ hinted: 0 }); // the message may still come
    await db.prepare('UPDATE jobs SET hinted_at = hinted_at - 300').run();
    expect(await stand.tick()).toMatchObject({ hinted: 1 });
    expect(sent).toHaveLength(1);
  });
});

describe('fault C35: ticks that overlap', () => {
  it('do the work once, and the others end', async () => {
    const stand = jobStand();
    await put({ a: 'one', b: 'two' });
    await stand.tick(true);
    await db.prepare('UPDATE jobs SET hinted_at = 0').run();
    stand.sent.length = 0;
    const reports = await Promise.all([stand.tick(), stand.tick(), stand.tick()]);
    expect(reports.filter((report) => report !== undefined)).toHaveLength(1);
    expect(stand.sent).toHaveLength(2);
  });

  it('are not kept off for ever by one that was killed', async () => {
    const stand = jobStand();
    await stand.tick();
    const [set] = await rows('SELECT id FROM vector_sets');
    const lease = `INSERT INTO leases VALUES ('plan ${set!.id}', 'killed', unixepoch() + 300)`;
    await db.prepare(lease).run();
    expect(await stand.tick()).toBeUndefined();
    await db.prepare('UPDATE leases SET expires_at = unixepoch()').run();
    expect(await stand.tick()).toBeDefined();
    expect(await rows('SELECT * FROM leases')).toEqual([]);
  });
});

describe('fault C36: a message that is none of ours', () => {
  it('is acknowledged and reported, and stops no other', async () => {
    const stand = jobStand();
    const keys = await put({ a: 'one' });
    const strange = [null, 'text', 7, {}, { version: 2, document: keys[0] }, { version: 1, document: '1' }, []].map(
      message,
    );
    const good = message({ version: 1, document: keys[0] });
    await consumeHints(stand.deps, [...strange, good, message({ version: 1, document: 1e15 })]);
    expect(strange.map(({ outcome }) => outcome())).toEqual(new Array(7).fill('ack'));
    expect(stand.logged).toContainEqual({ level: 'warn', event: 'reembed_invalid_messages', messages: 7 });
    expect(await stateOf('a')).toEqual(embedded);
  });

  it('is sent with at most 99 others', async () => {
    const sizes: number[] = [];
    const queue = { sendBatch: async (messages: Iterable<unknown>) => void sizes.push([...messages].length) };
    await sendHints(
      queue,
      Array.from({ length: 250 }, (_, i) => i),
    );
    expect(sizes).toEqual([100, 100, 50]);
  });
});

describe('fault C37: D1 that fails in the middle of a batch', () => {
  it('has written nothing of it, and everything with the next attempt', async () => {
    const stand = jobStand();
    const [, second] = await put({ a: 'one', b: 'two', c: 'three' });
    await db
      .prepare(
        `CREATE TRIGGER disk BEFORE INSERT ON vectors WHEN new.document = ${second} BEGIN SELECT RAISE(ABORT, 'disk'); END`,
      )
      .run();
    await stand.tick();
    try {
      const delivered = await stand.deliver();
      expect(delivered.map(({ outcome }) => outcome())).toEqual([30, 30, 30]);
      expect(await vectorRows()).toEqual([]);
      expect(await rows('SELECT COUNT(*) AS jobs FROM jobs')).toEqual([{ jobs: 3 }]);
    } finally {
      await db.prepare('DROP TRIGGER disk').run();
    }
    await db.prepare('UPDATE jobs SET free_at = 0').run();
    await stand.tick(true);
    await stand.deliver();
    expect(await vectorRows()).toEqual([current('a'), current('b'), current('c')]);
  });
});

describe('a model that cannot be read', () => {
  it('costs no document an attempt', async () => {
    let isDown = true;
    const stand = jobStand({
      beforeTexts: () => {
        if (isDown) throw new ServiceError('model_unavailable', 'storage is down');
      },
    });
    await put({ a: 'one', b: 'two' });
    for (let i = 0; i < 7; i++) {
      await stand.tick(true);
      expect((await stand.deliver()).map(({ outcome }) => outcome())).toEqual([30, 30]);
      await db.prepare('UPDATE jobs SET free_at = 0').run();
    }
    expect(await stateOf('a')).toEqual({ ...pending, lastError: 'model_unavailable: storage is down' });
    isDown = false;
    await stand.tick(true);
    await stand.deliver();
    expect(await vectorRows()).toEqual([current('a'), current('b')]);
  });
});
