import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { hexBytes } from '../../src/documents/database.ts';
import { packDense } from '../../src/documents/packed-vectors.ts';
import { seededRandom } from '../random.ts';
import { createDocumentState, type DocumentServer, startDocumentServer } from './document-server.ts';
import { openModel } from './models.ts';

export interface TortureOptions {
  /** Two model directories; the second takes over half way. */
  readonly models: readonly [string, string];
  readonly documents: number;
  readonly kills: number;
  readonly seed: number;
  readonly onProgress?: (line: string) => void;
}

export interface TortureReport {
  readonly documents: number;
  /** At least as many as were asked for. */
  readonly kills: number;
  /** Documents that were claimed when the last kill came: all that comes to an end after it has waited for these claims to end by themselves. */
  readonly claimedByDead: number;
  /** What consumers have written to D1, all in all: rows of jobs and vectors. */
  readonly writes: number;
  /** Documents without vectors of the last model. */
  readonly lost: number;
  /** Vectors beyond one a document and model. */
  readonly duplicated: number;
  /** Vectors whose content hash is not that of the document's text now. */
  readonly wrongHashes: number;
  /** Vectors whose bytes are not those that the last model gives for the text, alone and in Node. */
  readonly wrongVectors: number;
  /** Postings that no vector has, or that a vector lacks. */
  readonly wrongPostings: number;
  /** Jobs that are left. */
  readonly jobs: number;
  readonly servesLastModel: boolean;
}

const WORDS = 'whale tax bridge music river seven winter model vector green paper light engine market garden'.split(
  ' ',
);
/** How often the cron comes here; deployed, every five minutes. */
const TICK_MS = 400;
const POLL_MS = 2;
const PATIENCE_MS = 120_000;

/**
 * Embeds documents under a server that is killed again and again, its whole process group by SIGKILL, each time after so many writes to D1 as the seed says;
 * some texts change meanwhile, and half way the model. The last kill hits a consumer that has claimed documents, and is repeated until it does. Then lets the
 * last server come to its end, and looks at what D1 holds.
 */
export async function torture({ models, documents, kills, seed, onProgress }: TortureOptions): Promise<TortureReport> {
  const random = seededRandom(seed);
  const pick = (most: number) => Math.floor(random() * most);
  const textOf = () => Array.from({ length: 5 + pick(20) }, () => WORDS[pick(WORDS.length)]!).join(' ');
  const idOf = (i: number) => `d${String(i).padStart(4, '0')}`;
  const texts = new Map(Array.from({ length: documents }, (_, i) => [idOf(i), textOf()]));

  const state = await createDocumentState();
  const database = state.open();
  let server: DocumentServer | undefined;
  try {
    database.exec(COUNT_WRITES);
    const writes = () => Number(database.prepare('SELECT n FROM test_writes').get()!.n);
    const assets = models.map((model) => state.stage(model));
    const lines = [...texts].map(([id, text]) => JSON.stringify({ id, text })).join('\n');

    // A document takes three writes a model; kills come so close that there is always work left to be killed at.
    const spread = Math.ceil((6 * documents) / kills);
    const claimed = () => Number(database.prepare(CLAIMED).get()!.n);
    let killed = 0;
    while (killed < kills || claimed() === 0) {
      server = await startDocumentServer(state, assets[killed < kills / 2 ? 0 : 1]!);
      if (killed === 0) await server.import(lines);
      const isLast = killed >= kills - 1;
      for (let edits = isLast ? LAST_EDITS : 1; edits > 0; edits--) {
        const edited = idOf(pick(documents));
        texts.set(edited, textOf());
        await server.json('PUT', `/documents/${edited}`, { text: texts.get(edited) });
      }
      const target = writes() + 1 + pick(spread);
      await ticking(server, () => (isLast ? claimed() > 0 : writes() >= target));
      await server.kill();
      killed++;
      onProgress?.(`killed ${killed} times, after ${writes()} writes`);
    }
    const claimedByDead = claimed();
    server = await startDocumentServer(state, assets[1]!);
    await ticking(server, () => database.prepare(IS_OVER).get()!.yes === 1);
    const { serving, fingerprint } = await server.json('GET', '/reembed/status');
    await server.kill();

    const all = <Row>(sql: string) => database.prepare(sql).all() as Row[];
    type Row = { id: string; content_hash: string; dense: string };
    const rows =
      all<Row>(`SELECT d.id, v.content_hash, hex(v.dense) AS dense FROM vectors v JOIN documents d ON d.key = v.document
      JOIN vector_sets s ON s.id = v.set_id WHERE s.fingerprint = '${fingerprint}'`);
    const embedder = await openModel(models[1]);
    const expected = await embedder.embed([...texts.values()], { dense: true, sparse: true });
    const denseOf = new Map([...texts.keys()].map((id, i) => [id, packDense(expected[i]!.dense!)]));
    const hashOf = (id: string) => createHash('sha256').update(texts.get(id)!).digest('hex');
    const [{ n: pairs }] = all<{ n: number }>("SELECT COUNT(DISTINCT set_id || ' ' || document) AS n FROM vectors") as [
      { n: number },
    ];
    const [{ n: vectors }] = all<{ n: number }>('SELECT COUNT(*) AS n FROM vectors') as [{ n: number }];
    const [{ n: wrongPostings }] = all<{ n: number }>(WRONG_POSTINGS) as [{ n: number }];
    return {
      documents,
      kills: killed,
      claimedByDead,
      writes: writes(),
      lost: [...texts.keys()].filter((id) => !rows.some((row) => row.id === id)).length,
      duplicated: vectors - pairs,
      wrongHashes: rows.filter((row) => row.content_hash !== hashOf(row.id)).length,
      wrongVectors: rows.filter((row) => Buffer.compare(hexBytes(row.dense), denseOf.get(row.id)!) !== 0).length,
      wrongPostings,
      jobs: Number(database.prepare(WAITING).get()!.n),
      servesLastModel: serving === embedder.fingerprint && fingerprint === embedder.fingerprint,
    };
  } finally {
    await server?.kill();
    database.close();
    state.remove();
  }
}

/** Lets the cron come until something is so. */
async function ticking(server: DocumentServer, isSo: () => boolean): Promise<void> {
  const startedMs = Date.now();
  for (let tickedMs = 0; !isSo(); await sleep(POLL_MS)) {
    if (Date.now() - startedMs > PATIENCE_MS) throw new Error(`it never came to it:\n${server.output().slice(-3000)}`);
    if (Date.now() - tickedMs < TICK_MS) continue;
    tickedMs = Date.now();
    server.tick().catch(() => {}); // killed meanwhile
  }
}

/** Enough for a consumer to be at work for some time. */
const LAST_EDITS = 20;

/** The second model's set, once it is there. */
const SECOND_SET = '(SELECT id FROM vector_sets ORDER BY id LIMIT 1 OFFSET 1)';
const WAITING = `SELECT COUNT(*) AS n FROM jobs WHERE set_id = ${SECOND_SET}`;
/** By a consumer that is at work, or dead. */
const CLAIMED = `${WAITING} AND claim IS NOT NULL`;
const IS_OVER = `SELECT set_id IS ${SECOND_SET} AND (${WAITING}) = 0 AS yes FROM serving`;

/** Counts claims, vectors, and jobs done: what a consumer writes. The plan writes thousands of rows at once. */
const COUNT_WRITES = `CREATE TABLE test_writes (n INTEGER NOT NULL); INSERT INTO test_writes VALUES (0);
${['UPDATE OF claim ON jobs', 'DELETE ON jobs', 'INSERT ON vectors', 'UPDATE ON vectors']
  .map((write, i) => `CREATE TRIGGER test_${i} AFTER ${write} BEGIN UPDATE test_writes SET n = n + 1; END;`)
  .join('\n')}`;

const WRONG_POSTINGS = `WITH wanted AS (SELECT v.set_id, v.tenant, CAST(j.key AS INTEGER) AS token, v.document, j.value AS weight
    FROM vectors v, json_each(v.sparse) j)
  SELECT (SELECT COUNT(*) FROM (SELECT * FROM wanted EXCEPT SELECT * FROM postings))
    + (SELECT COUNT(*) FROM (SELECT * FROM postings EXCEPT SELECT * FROM wanted)) AS n`;
