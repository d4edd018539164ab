import { WorkerEntrypoint, waitUntil } from 'cloudflare:workers';
import { createHash } from 'node:crypto';
import relaxed from '../build/kernel-relaxed.wasm';
import simd from '../build/kernel-simd.wasm';
import { withAnswerCache } from './answer-cache.ts';
import { createApp } from './app.ts';
import { type AccessBindings, openAccess } from './auth/open-access.ts';
import { openDatabase } from './documents/database.ts';
import { createEmbedder, type Embedder } from './embedder.ts';
import type { LayerRunner } from './engine/layer-runner.ts';
import type { Architecture } from './format/architecture.ts';
import { keepValue } from './keep-value.ts';
import { toServiceError } from './routes/error-response.ts';
import { runWorkersAi, toAiException, type WorkersAiOptions } from './routes/workers-ai.ts';
import type { AiAnswer } from './routes/workers-ai-schema.ts';
import { loadManifest } from './shards/manifest.ts';
import { openStorage, type Storage, withCache } from './shards/storage.ts';
import { verified } from './shards/verified.ts';

/** MODELS is there only where a model in R2 is served; of those that decide who may call, any may be absent. */
type WorkerEnv = Omit<Env, keyof AccessBindings> & AccessBindings & { readonly MODELS?: R2Bucket };

const log = (entry: Readonly<Record<string, unknown>>) => console.error(JSON.stringify(entry));
const accessLog = (entry: Readonly<Record<string, unknown>>) => console.log(JSON.stringify(entry));
const wait = (ms: number) => scheduler.wait(ms);

function openModelStorage({ MODEL_SOURCE, MODEL_CACHE, ASSETS, MODELS }: WorkerEnv): Storage {
  const bindings = { assets: ASSETS, bucket: MODELS, fetch: (url: string, init: RequestInit) => fetch(url, init) };
  const storage = openStorage(MODEL_SOURCE, bindings);
  return MODEL_CACHE === 'on' ? withCache(storage, caches.default, waitUntil) : storage;
}

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

  const getEmbedder = keepValue(async (env: WorkerEnv): Promise<Embedder> => {
    storage ??= openModelStorage(env);
    const manifest = await loadManifest(storage.manifest, env.MODEL_FINGERPRINT);
    const shards = verified(storage.shards(manifest.files), {
      files: manifest.files,
      createDigest: () => createHash('sha256'),
      wait,
      onRetry: (shard, { code, message }) => log({ level: 'warn', event: 'shard_retry', shard, code, message }),
    });
    const { CPU_MS: cpuMs, MEMORY_BYTES: planBytes } = env;
    const layers = createLayers?.(manifest.architecture);
    return createEmbedder({ manifest, shards, kernel: { relaxed, simd }, wait, cpuMs, planBytes, layers });
  });

  const openApp = (env: WorkerEnv) =>
    createApp({
      getEmbedder: () => getEmbedder(env),
      access: openAccess(env),
      log,
      accessLog: env.ACCESS_LOG === 'on' ? accessLog : undefined,
      answers: answersOf(env),
      database: databaseOf(env),
      waitUntil,
      readPage: (name) => env.ASSETS.fetch(`https://assets.invalid/page/${name}`), // as cli/stage-page.ts puts them there
      corsOrigins: (env.CORS_ORIGINS ?? '*').split(/[ ,]+/).filter((origin) => origin !== ''),
    });

  const handler: ExportedHandler<WorkerEnv> = {
    fetch(request, env, ctx) {
      app ??= openApp(env);
      return app.fetch(request, env, ctx);
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
