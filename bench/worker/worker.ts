import { createHash } from 'node:crypto';
import ortWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm';
import peakWasm from '../../build/bench-peak.wasm';
import relaxed from '../../build/kernel-relaxed.wasm';
import simd from '../../build/kernel-simd.wasm';
import { createEncoder, type Encoder } from '../../src/engine/encoder.ts';
import { type LayerRunner, WASM_LAYERS } from '../../src/engine/layer-runner.ts';
import { createOnnxLayers } from '../../src/engine/onnx/onnx-layers.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import { createKernel } from '../../src/kernel/kernel.ts';
import { LIMITS } from '../../src/limits.ts';
import { httpSource } from '../../src/shards/http.ts';
import { verified } from '../../src/shards/verified.ts';
import { createLayerStand, type LayerStand } from './layer-stand.ts';
import { createTokenIds } from './token-ids.ts';

/** What is under test, and where its model is. */
interface BenchEnv {
  readonly ENGINE: 'wasm' | 'onnx';
  /** Ends with a slash. */
  readonly SHARDS: string;
}

/** Every layer, and the hot pages: an isolate could not hold this, local workerd lets it. */
const RESIDENT_BYTES = 1024 * 1024 * 1024;
/** As in wrangler.toml, with its `[env.onnx]`. */
const STREAMED_BYTES = { wasm: LIMITS.planBytes, onnx: 44_040_192 } as const;
const KERNEL = { relaxed, simd };
const wait = (ms: number) => scheduler.wait(ms);

let manifest: Manifest | undefined;
let layers: LayerRunner | undefined;
let stand: LayerStand | undefined;
const encoders = new Map<string, Encoder>();

async function getManifest({ SHARDS }: BenchEnv): Promise<Manifest> {
  manifest ??= await (await fetch(`${SHARDS}manifest.json`)).json<Manifest>();
  return manifest;
}

async function getLayers(env: BenchEnv): Promise<LayerRunner> {
  if (env.ENGINE === 'wasm') return WASM_LAYERS;
  layers ??= createOnnxLayers((await getManifest(env)).architecture, ortWasm);
  return layers;
}

/** `resident` keeps every layer, `streamed` what the Worker's memory allows. */
async function getEncoder(env: BenchEnv, mode: string): Promise<Encoder> {
  const known = encoders.get(mode);
  if (known) return known;
  const manifest = await getManifest(env);
  const planBytes = mode === 'resident' ? RESIDENT_BYTES : STREAMED_BYTES[env.ENGINE];
  const source = httpSource((url, init) => fetch(url, init), env.SHARDS);
  const shards = verified(source, { files: manifest.files, createDigest: () => createHash('sha256'), wait });
  const kernel = createKernel(KERNEL, planBytes);
  const encoder = createEncoder({ manifest, shards, kernel, planBytes, wait, layers: await getLayers(env) });
  encoders.set(mode, encoder);
  return encoder;
}

async function getStand(env: BenchEnv): Promise<LayerStand> {
  if (!stand) {
    const shard = await fetch(`${env.SHARDS}layer-00.bin`);
    const layers = await getLayers(env);
    stand = createLayerStand(await getManifest(env), createKernel(KERNEL, RESIDENT_BYTES), layers, await shard.bytes());
  }
  return stand;
}

const peak = new WebAssembly.Instance(peakWasm, { env: { abort: () => {} } }).exports as Record<
  string,
  (iterations: number) => number
>;

/** Each does the work it is named after; the time is taken by who asks. */
const WORK: Readonly<Record<string, (env: BenchEnv, query: (name: string) => string) => Promise<unknown>>> = {
  nothing: async () => undefined,
  about: async () => ({ dotPath: createKernel(KERNEL, RESIDENT_BYTES).dotPath }),
  async pass(env, query) {
    const mode = query('mode');
    await (await getEncoder(env, mode)).encode([createTokenIds(Number(query('tokens')), mode === 'resident')]);
  },
  load: async (env, query) => (await getStand(env)).setTokens(Number(query('tokens'))),
  async layer(env, query) {
    const stand = await getStand(env);
    for (let i = Number(query('repeat')); i > 0; i--) await stand.runLayer();
  },
  async digest(env, query) {
    const stand = await getStand(env);
    stand.setTokens(Number(query('tokens')));
    await stand.runLayer();
    return createHash('sha256').update(stand.hidden()).digest('hex');
  },
  part: async (env, query) => (await getStand(env)).runPart(query('name'), Number(query('repeat'))),
  gemm: async (env, query) => (await getStand(env)).runGemm(query('matrix'), Number(query('repeat'))),
  async peak(_env, query) {
    for (let i = Number(query('repeat')); i > 0; i--) peak[query('name')]!(10_000);
  },
};

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const result = await WORK[pathname.slice(1)]!(env, (name) => searchParams.get(name) ?? '');
    return Response.json(result ?? null);
  },
} satisfies ExportedHandler<BenchEnv>;
