import { ServiceError } from '../errors.ts';
import {
  EMBEDDINGS_FILE,
  HEADS_FILE,
  layerFile,
  planEmbeddingsLayout,
  planHeadsLayout,
  planLayerLayout,
  planPageLayout,
  type TableLayout,
} from '../format/layout.ts';
import type { Manifest } from '../format/manifest.ts';
import { growTo, type Kernel } from '../kernel/kernel.ts';
import type { ShardSource } from '../shards/source.ts';
import { createEmbeddingTables, embedTokens, type LoadShard } from './embeddings.ts';
import type { Pace } from './encoder-layer.ts';
import { type LayerRunner, WASM_LAYERS } from './layer-runner.ts';
import { createLayerSlots } from './layer-slots.ts';
import { createLayerStream } from './layer-stream.ts';
import { type MemoryPlan, type ModelSizes, type PageSizes, planMemory } from './memory-plan.ts';
import { createPass, type Pass } from './pass.ts';
import { createShardLoader } from './shard-loader.ts';

export interface EncoderDeps {
  readonly manifest: Manifest;
  readonly shards: ShardSource;
  readonly kernel: Kernel;
  /** Ceiling of wasm memory. */
  readonly planBytes: number;
  /** Lets input and output proceed; `wait(0)` must give way to a macrotask. */
  readonly wait: (ms: number) => Promise<void>;
  /** Default: the kernels. */
  readonly layers?: LayerRunner;
}

/** A pass after its last encoder layer; addresses hold until the next pass begins. */
export interface EncodedPass {
  readonly pass: Pass;
  readonly plan: MemoryPlan;
  /** As in `LayerContext`, for what the outputs still compute. */
  readonly pace: Pace;
}

/** An encoder layer that a pass has gone through. */
export interface LayerProgress {
  readonly layer: number;
  readonly of: number;
  /** Whether it was in memory already. */
  readonly resident: boolean;
  readonly bytes: number;
  /** Milliseconds until its weights were there, then until it was computed; on Cloudflare the clock only moves with input and output. */
  readonly waitMs: number;
  readonly computeMs: number;
}
export type OnLayer = (progress: LayerProgress) => void;

export interface Encoder {
  /**
   * Token ids a text → the last hidden state, f32 [tokens, hidden] at `plan.hidden`. One call at a time: see `gathering.ts`.
   *
   * @param check Called between pieces of work; throws where the pass must end.
   * @param onLayer Called after each encoder layer.
   */
  encode(texts: readonly Uint32Array[], check?: () => void, onLayer?: OnLayer): Promise<EncodedPass>;
  /** @throws ServiceError `budget_exceeded` as `planMemory` does, before anything is read. */
  plan(textTokens: readonly number[]): MemoryPlan;
}

/**
 * Work between two chances for others to proceed, in operations: some 8 ms of it while a layer is being read, else some 30. Only a timer lets input in, and
 * workerd's take 1.1 ms at least, in which nothing is computed; a message or a stream of one's own takes less, and lets nothing in.
 */
const PACE_READING = 2 ** 31;
const PACE_RESIDENT = 2 ** 33;

/** Reads the model's shards through `shards` and streams its encoder layers through the kernel's memory. */
export function createEncoder(deps: EncoderDeps): Encoder {
  const { manifest, shards, kernel, planBytes, wait, layers = WASM_LAYERS } = deps;
  const { architecture } = manifest;
  const layouts = manifest.layers.map((types) => planLayerLayout(architecture, types));
  const embeddings = planEmbeddingsLayout(architecture);
  const heads = planHeadsLayout(architecture);
  const tables = createEmbeddingTables(manifest);
  const sizes: ModelSizes = {
    architecture,
    embeddingsBytes: embeddings.byteLength,
    headsBytes: heads.byteLength,
    words: pageSizes(tables.words.layout),
    positions: pageSizes(tables.positions.layout),
    layerBytes: Math.max(...layouts.map(layers.slotBytes)),
  };
  const slots = createLayerSlots(architecture.layerCount);
  const loadShard = createShardLoader(kernel, shards);
  let fixedLoaded = false;
  /** Counts passes; a read that belongs to an older one must not write. */
  let currentPass = 0;

  const plan = (textTokens: readonly number[]) => planMemory(sizes, kernel.heapBase(), planBytes, textTokens);

  return {
    plan,
    async encode(texts, check, onLayer) {
      const token = ++currentPass;
      const pass = createPass(texts);
      const memory = plan(texts.map((ids) => ids.length));
      growTo(kernel, memory.totalBytes);
      slots.keepOnly(memory.slotCount);

      const ensureOwner = (): void => {
        if (token !== currentPass)
          throw new ServiceError('overloaded', 'the pass gave way to another; try again', { retryAfterSeconds: 1 });
        check?.();
      };
      const load: LoadShard = (name, address, byteLength, signal) =>
        loadShard(name, address, byteLength, ensureOwner, signal);
      let operations = 0;
      const pace: Pace = (done) => {
        operations += done;
        if (operations < (stream.isReading() ? PACE_READING : PACE_RESIDENT)) return undefined;
        operations = 0;
        return wait(0).then(ensureOwner);
      };

      const loadLayer = async (layer: number, slot: number, readSignal: AbortSignal): Promise<void> => {
        const [layout, address] = [layouts[layer]!, memory.slots + slot * memory.slotBytes];
        await load(layerFile(layer), address, layout.byteLength, readSignal);
        ensureOwner();
        layers.prepare?.(kernel, layout, address);
      };
      const stream = createLayerStream(slots, architecture.layerCount, memory.slotCount, loadLayer);
      try {
        if (!fixedLoaded) {
          await load(EMBEDDINGS_FILE, memory.embeddings, embeddings.byteLength);
          await load(HEADS_FILE, memory.heads, heads.byteLength);
          fixedLoaded = true;
        }
        await embedTokens(kernel, memory, tables, pass, load);
        const { hiddenSize, layerNormEpsilon } = architecture;
        const [weight, bias] = [memory.embeddings + embeddings.weight, memory.embeddings + embeddings.bias];
        kernel.addLayerNorm(memory.hidden, 0, pass.ids.length, hiddenSize, weight, bias, layerNormEpsilon);
        for (const [layer, layout] of layouts.entries()) {
          const askedMs = performance.now();
          const { slot, resident } = await stream.ready(layer);
          const readyMs = performance.now();
          ensureOwner();
          await layers.run(
            { kernel, architecture, plan: memory, pass, pace },
            layout,
            memory.slots + slot * memory.slotBytes,
          );
          stream.done(layer);
          const [waitMs, computeMs] = [readyMs - askedMs, performance.now() - readyMs];
          onLayer?.({ layer, of: layouts.length, resident, bytes: layout.byteLength, waitMs, computeMs });
        }
      } finally {
        stream.close();
      }
      if (!kernel.allFinite(memory.hidden, pass.ids.length * architecture.hiddenSize)) {
        throw new ServiceError('engine_numeric', 'the last hidden state is not finite; run m3edge model verify');
      }
      return { pass, plan: memory, pace };
    },
  };
}

const pageSizes = (table: TableLayout): PageSizes => ({
  pageBytes: planPageLayout(table, 0).byteLength,
  pageCount: table.pageCount,
});
