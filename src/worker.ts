import { createHash } from 'node:crypto';
import relaxed from '../build/kernel-relaxed.wasm';
import simd from '../build/kernel-simd.wasm';
import { createApp } from './app.ts';
import { createEmbedder, type Embedder } from './embedder.ts';
import { keepValue } from './keep-value.ts';
import { assetsSource } from './shards/assets.ts';
import { loadManifest } from './shards/manifest.ts';
import { verified } from './shards/verified.ts';

/** Where `m3edge dev` and `npm run deploy` stage the model among the assets. */
const MODEL_DIRECTORY = 'model';

const log = (entry: Readonly<Record<string, unknown>>) => console.error(JSON.stringify(entry));
const wait = (ms: number) => scheduler.wait(ms);

async function loadEmbedder(env: Env): Promise<Embedder> {
  const source = assetsSource(env.ASSETS, MODEL_DIRECTORY);
  const manifest = await loadManifest(source, env.MODEL_FINGERPRINT);
  const shards = verified(source, {
    files: manifest.files,
    createDigest: () => createHash('sha256'),
    wait,
    onRetry: (shard, { code, message }) => log({ level: 'warn', event: 'shard_retry', shard, code, message }),
  });
  return createEmbedder({ manifest, shards, kernel: { relaxed, simd }, wait });
}

const getEmbedder = keepValue(loadEmbedder);
let app: ReturnType<typeof createApp> | undefined;

export default {
  fetch(request, env, ctx) {
    app ??= createApp({ getEmbedder: () => getEmbedder(env), log });
    return app.fetch(request, env, ctx);
  },
} satisfies ExportedHandler<Env>;
