import { env } from 'cloudflare:workers';
import { putDocuments } from '../../../src/documents/document-store.ts';
import type { Hint } from '../../../src/documents/hints.ts';
import type { Embedder } from '../../../src/embedder.ts';
import { consumeHints, type QueueMessage } from '../../../src/jobs/consume.ts';
import type { JobDeps } from '../../../src/jobs/deps.ts';
import { runPlan } from '../../../src/jobs/plan.ts';
import { FINGERPRINT, fakeEmbedder } from '../../support/fake-embedder.ts';

export const db = env.DOCUMENTS!;
export const rows = async (sql: string) => (await db.prepare(sql).all()).results;

export interface TestMessage extends QueueMessage {
  readonly outcome: () => 'ack' | number | undefined;
}

/** A message, and what its consumer said of it: `ack`, or the seconds after which it is to come again. */
export function message(body: unknown): TestMessage {
  let outcome: 'ack' | number | undefined;
  return {
    body,
    ack: () => {
      outcome ??= 'ack';
    },
    retry: ({ delaySeconds = 0 } = {}) => {
      outcome ??= delaySeconds;
    },
    outcome: () => outcome,
  };
}

export interface StandOptions extends Partial<JobDeps> {
  readonly fingerprint?: string;
  /** Before a text is embedded; may throw. */
  readonly beforeTexts?: (texts: readonly string[]) => void | Promise<void>;
}

/** The jobs over D1 and an embedder without a model; messages wait in `sent` until they are delivered. */
export function jobStand({ fingerprint = FINGERPRINT, beforeTexts, ...rest }: StandOptions = {}) {
  const sent: Hint[] = [];
  const logged: Readonly<Record<string, unknown>>[] = [];
  const embedded: string[] = [];
  const fake = fakeEmbedder();
  const embedder: Embedder = {
    ...fake,
    fingerprint,
    async embed(texts, options, signal) {
      await beforeTexts?.(texts);
      const embeddings = await fake.embed(texts, options, signal);
      embedded.push(...texts);
      return embeddings;
    },
  };
  const deps: JobDeps = {
    database: db,
    queue: {
      async sendBatch(messages) {
        for (const { body } of messages) sent.push(body);
      },
    },
    getEmbedder: async () => embedder,
    sinks: [],
    leaseSeconds: 300,
    cpuMs: 300_000,
    keepColbert: false,
    log: (entry) => logged.push(entry),
    ...rest,
  };
  return {
    deps,
    sent,
    logged,
    /** Texts, in the order in which they were embedded. */
    embedded,
    tick: (isUrgent = false) => runPlan(deps, { isUrgent }),
    /** Delivers what was sent, and what is sent meanwhile. */
    async deliver(): Promise<TestMessage[]> {
      const delivered: TestMessage[] = [];
      while (sent.length > 0) {
        const batch = sent.splice(0, 100).map(message);
        await consumeHints(deps, batch);
        delivered.push(...batch);
      }
      return delivered;
    },
  };
}

export const put = (documents: Readonly<Record<string, string>>, tenant = 'a') =>
  putDocuments(
    db,
    tenant,
    Object.entries(documents).map(([id, text]) => ({ id, text, metadata: {} })),
  );

/** Of each document with vectors: id, fingerprint, whether they are of its text. */
export const vectorRows = () =>
  rows(`SELECT d.id, s.fingerprint, v.content_hash = d.content_hash AS current FROM vectors v
    JOIN documents d ON d.key = v.document JOIN vector_sets s ON s.id = v.set_id ORDER BY d.id, s.id`);
