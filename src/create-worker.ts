import { WorkerEntrypoint, waitUntil } from 'cloudflare:workers';
import { createHash } from 'node:crypto';
import relaxed from '../build/kernel-relaxed.wasm';
import simd from '../build/kernel-simd.wasm';
import { withAnswerCache } from './answer-cache.ts';
import { createApp } from './app.ts';
import { type AccessBindings, openAccess } from './auth/open-access.ts';
import { type Database, openDatabase } from './documents/database.ts';
import type { HintQueue } from './documents/hints.ts';
import type { Reembedding } from './documents/reembedding.ts';
import { type ObjectBucket, r2Sink } from './documents/sinks/r2-sink.ts';
import { type QueriedIndex, vectorizeNearest } from './documents/sinks/vectorize-nearest.ts';
import { type VectorizeIndex, vectorizeSink } from './documents/sinks/vectorize-sink.ts';
import { createEmbedder, type Embedder } from './embedder.ts';
import type { LayerRunner } from './engine/layer-runner.ts';
import type { Architecture } from './format/architecture.ts';
import { fingerprintOf } from './format/fingerprint.ts';
import { consumeDeadHints, consumeHints } from './jobs/consume.ts';
import type { JobDeps } from './jobs/deps.ts';
import { runPlan } from './jobs/plan.ts';
import { keepValue } from './keep-value.ts';
import { toServiceError } from './routes/error-response.ts';
import { runWorkersAi, toAiException, type WorkersAiOptions } from './routes/workers-ai.ts';
import type { AiAnswer } from './routes/workers-ai-schema.ts';
import { loadManifest } from './shards/manifest.ts';
import { openStorage, type Storage, withCache } from './shards/storage.ts';
import { verified } from './shards/verified.ts';

/** MODELS is there only where a model in R2 is served; of those that decide who may call, and of the documents' ones, any may be absent. */
type WorkerEnv = Omit<Env, keyof AccessBindings | keyof DocumentBindings> &
  AccessBindings &
  DocumentBindings & { readonly MODELS?: R2Bucket };

/** Without DOCUMENTS the others have no effect. */
export interface DocumentBindings {
  readonly DOCUMENTS?: Database;
  readonly DOCUMENT_QUEUE?: HintQueue;
  readonly VECTORIZE?: VectorizeIndex & QueriedIndex;
  readonly VECTOR_FILES?: ObjectBucket;
  readonly REEMBED_LEASE_SECONDS?: number;
  readonly DOCUMENT_COLBERT?: string;
}

const log = (entry: Readonly<Record<string, unknown>>) => console.error(JSON.stringify(entry));
const accessLog = (entry: Readonly<Record<string, unknown>>) => console.log(JSON.stringify(entry));
const wait = (ms: number) => scheduler.wait(ms);

function openModelStorage({ MODEL_SOURCE, MODEL_CACHE, ASSETS, MODELS }: WorkerEnv): Storage {
  const bindings = { assets: ASSETS, bucket: MODELS, fetch: (url: string, init: RequestInit) => fetch(url, init) };
  const storage = openStorage(MODEL_SOURCE, bindings);
  return MODEL_CACHE === 'on' ? withCache(storage, caches.default, waitUntil) : storage;
}

/** End of the name of the queue for messages that came too often. */
const DEAD_LETTERS = '-dead';
const DEFAULT_LEASE_SECONDS = 300;

/** Answers of callers by RPC are kept apart from those of every API key. */
const RPC_TENANT = 'service binding';

/** Named, because a declaration file cannot hold an anonymous class with what is protected in its base. */
export interface WorkerParts {
  readonly handler: ExportedHandler<WorkerEnv>;
  /** What another Worker binds in place of Workers AI. */
  readonly WorkersAi: new (
    ctx: ExecutionContext,
    env: WorkerEnv,
  ) => WorkerEntrypoint<WorkerEnv> & {
    run(model: string, input: unknown, options?: WorkersAiOptions): Promise<AiAnswer>;
  };
}

/**
 * The Worker: its bindings and variables wired to an app, and to an entrypoint for other Workers. State is the isolate's.
 *
 * @param createLayers The engine; default the kernels.
 */
export function createWorker(createLayers?: (architecture: Architecture) => LayerRunner): WorkerParts {
  let storage: Storage | undefined;
  let app: ReturnType<typeof createApp> | undefined;

  const getManifest = keepValue((env: WorkerEnv) => {
    storage ??= openModelStorage(env);
    return loadManifest(storage.manifest, env.MODEL_FINGERPRINT);
  });
  const getFingerprint = keepValue(async (env: WorkerEnv) => fingerprintOf(await getManifest(env)));
  const getEmbedder = keepValue(async (env: WorkerEnv): Promise<Embedder> => {
    const manifest = await getManifest(env);
    const shards = verified(storage!.shards(manifest.files), {
      files: manifest.files,
      createDigest: () => createHash('sha256'),
      wait,
      onRetry: (shard, { code, message }) => log({ level: 'warn', event: 'shard_retry', shard, code, message }),
    });
    const { CPU_MS: cpuMs, MEMORY_BYTES: planBytes } = env;
    const layers = createLayers?.(manifest.architecture);
    return createEmbedder({ manifest, shards, kernel: { relaxed, simd }, wait, cpuMs, planBytes, layers });
  });

  /** Absent where there is no database. */
  const openJobs = (env: WorkerEnv): JobDeps | undefined => {
    const database = databaseOf(env);
    return (
      database && {
        database,
        queue: env.DOCUMENT_QUEUE,
        getEmbedder: () => getEmbedder(env),
        sinks: [
          ...(env.VECTORIZE ? [vectorizeSink(env.VECTORIZE)] : []),
          ...(env.VECTOR_FILES ? [r2Sink(env.VECTOR_FILES)] : []),
        ],
        leaseSeconds: Number(env.REEMBED_LEASE_SECONDS ?? DEFAULT_LEASE_SECONDS), // `--var` gives text
        cpuMs: env.CPU_MS,
        keepColbert: env.DOCUMENT_COLBERT === 'on',
        log: (entry) => (entry.level === 'info' ? env.ACCESS_LOG === 'on' && accessLog(entry) : log(entry)),
      }
    );
  };
  const openReembedding = (env: WorkerEnv): Reembedding | undefined => {
    const jobs = openJobs(env);
    return (
      jobs && {
        queue: jobs.queue,
        getFingerprint: () => getFingerprint(env),
        run: () => runPlan(jobs, { isUrgent: true }),
      }
    );
  };

  const openApp = (env: WorkerEnv) =>
    createApp({
      getEmbedder: () => getEmbedder(env),
      access: openAccess(env),
      log,
      accessLog: env.ACCESS_LOG === 'on' ? accessLog : undefined,
      answers: answersOf(env),
      database: databaseOf(env),
      reembedding: openReembedding(env),
      nearest: env.VECTORIZE && vectorizeNearest(env.VECTORIZE),
      waitUntil,
      readPage: (name) => env.ASSETS.fetch(`https://assets.invalid/page/${name}`), // as cli/stage-page.ts puts them there
      corsOrigins: (env.CORS_ORIGINS ?? '*').split(/[ ,]+/).filter((origin) => origin !== ''),
    });

  const handler: ExportedHandler<WorkerEnv> = {
    fetch(request, env, ctx) {
      app ??= openApp(env);
      return app.fetch(request, env, ctx);
    },
    async scheduled(_controller, env) {
      const jobs = openJobs(env);
      if (jobs) await runPlan(jobs);
    },
    async queue({ queue, messages }, env) {
      const jobs = openJobs(env);
      if (!jobs) throw new Error(`messages of ${queue}, but DOCUMENTS is not bound`);
      const consume = queue.endsWith(DEAD_LETTERS) ? consumeDeadHints : consumeHints;
      await consume(jobs, messages);
    },
  };

  /** What another Worker binds in place of Workers AI; who may is decided by the account, so there is no key. */
  class WorkersAi extends WorkerEntrypoint<WorkerEnv> {
    async run(model: string, input: unknown, options?: WorkersAiOptions): Promise<AiAnswer> {
      try {
        const answers = answersOf(this.env);
        const embedder = await getEmbedder(this.env);
        const kept = answers ? withAnswerCache(embedder, answers, { tenant: RPC_TENANT, waitUntil }) : embedder;
        return await runWorkersAi(kept, model, input, options);
      } catch (error) {
        throw toAiException(toServiceError(error, crypto.randomUUID(), log));
      }
    }
  }

  return { handler, WorkersAi };
}

const databaseOf = ({ DOCUMENTS }: WorkerEnv) =>
  DOCUMENTS && openDatabase(DOCUMENTS, (message) => log({ level: 'error', event: 'database', message }));

const answersOf = ({ ANSWER_CACHE }: WorkerEnv) => (ANSWER_CACHE === 'on' ? caches.default : undefined);
