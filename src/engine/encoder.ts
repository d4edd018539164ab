import { ServiceError } from '../errors.ts';
import {
  EMBEDDINGS_FILE,
  HEADS_FILE,
  layerFile,
  planEmbeddingsLayout,
  planHeadsLayout,
  planLayerLayout,
  planPageLayout,
  planTableLayout,
} from '../format/layout.ts';
import type { Manifest } from '../format/manifest.ts';
import { type Kernel, WASM_PAGE_BYTES } from '../kernel/kernel.ts';
import type { ShardSource } from '../shards/source.ts';
import { type EmbeddingTables, embedTokens, type LoadShard } from './embeddings.ts';
import { type Pace, runEncoderLayer } from './encoder-layer.ts';
import { createLayerSlots } from './layer-slots.ts';
import { createLayerStream } from './layer-stream.ts';
import { type MemoryPlan, type ModelSizes, planMemory } from './memory-plan.ts';
import { createPass, type Pass } from './pass.ts';

export interface EncoderDeps {
  readonly manifest: Manifest;
  readonly shards: ShardSource;
  readonly kernel: Kernel;
  /** Ceiling of wasm memory. */
  readonly planBytes: number;
  /** Lets input and output proceed; `wait(0)` must give way to a macrotask. */
  readonly wait: (ms: number) => Promise<void>;
}

/** A pass after its last encoder layer; addresses hold until the next pass begins. */
export interface EncodedPass {
  readonly pass: Pass;
  readonly plan: MemoryPlan;
  /** As in `LayerContext`, for what the outputs still compute. */
  readonly pace: Pace;
}

export interface Encoder {
  /**
   * Token ids a text → the last hidden state, f32 [tokens, hidden] at `plan.hidden`. One call at a time: see `gathering.ts`.
   *
   * @param check Called between pieces of work; throws where the pass must end.
   */
  encode(texts: readonly Uint32Array[], check?: () => void): Promise<EncodedPass>;
  /** @throws ServiceError `budget_exceeded` as `planMemory` does, before anything is read. */
  plan(textTokens: readonly number[]): MemoryPlan;
}

/** Work between two chances for shards to arrive: a few milliseconds. */
const PACE_OPERATIONS = 2 ** 28;

/** The `wasm` engine: reads the model's shards through `shards` and streams its encoder layers through the kernel's memory. */
export function createEncoder({ manifest, shards, kernel, planBytes, wait }: EncoderDeps): Encoder {
  const { architecture } = manifest;
  const layouts = manifest.layers.map((types) => planLayerLayout(architecture, types));
  const embeddings = planEmbeddingsLayout(architecture);
  const heads = planHeadsLayout(architecture);
  const tables = planTables(manifest);
  const sizes: ModelSizes = {
    architecture,
    embeddingsBytes: embeddings.byteLength,
    headsBytes: heads.byteLength,
    pageBytes: Math.max(planPageLayout(tables.words, 0).byteLength, planPageLayout(tables.positions, 0).byteLength),
    layerBytes: Math.max(...layouts.map((layout) => layout.byteLength)),
  };
  const slots = createLayerSlots(architecture.layerCount);
  let fixedLoaded = false;
  /** Counts passes; a read that belongs to an older one must not write. */
  let currentPass = 0;

  const plan = (textTokens: readonly number[]) => planMemory(sizes, kernel.heapBase(), planBytes, textTokens);

  return {
    plan,
    async encode(texts, check) {
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
      const load: LoadShard = (name, address, byteLength, readSignal) =>
        copyShard(kernel, shards, name, address, byteLength, ensureOwner, readSignal);
      let operations = 0;
      const pace: Pace = (done) => {
        operations += done;
        if (operations < PACE_OPERATIONS) return undefined;
        operations = 0;
        return wait(0).then(ensureOwner);
      };

      const stream = createLayerStream(slots, architecture.layerCount, memory.slotCount, (layer, slot, readSignal) =>
        load(layerFile(layer), memory.slots + slot * memory.slotBytes, layouts[layer]!.byteLength, readSignal),
      );
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
          const slot = await stream.ready(layer);
          ensureOwner();
          await runEncoderLayer(
            { kernel, architecture, plan: memory, pass, pace },
            layout,
            memory.slots + slot * memory.slotBytes,
          );
          stream.done(layer);
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

function planTables({ architecture, wordTable, positionTable }: Manifest): EmbeddingTables {
  const { vocabularySize, positionCount, positionOffset, hiddenSize } = architecture;
  return {
    words: planTableLayout(vocabularySize, wordTable.pageRows, wordTable.type, hiddenSize),
    positions: planTableLayout(positionCount, positionTable.pageRows, positionTable.type, hiddenSize),
    positionOffset,
  };
}

function growTo({ memory }: Kernel, bytes: number): void {
  const missing = bytes - memory.buffer.byteLength;
  if (missing <= 0) return;
  try {
    memory.grow(Math.ceil(missing / WASM_PAGE_BYTES));
  } catch (cause) {
    throw new ServiceError('budget_exceeded', `wasm memory cannot grow to ${bytes} bytes; send shorter texts`, {
      cause,
    });
  }
}

/** Writes a shard's chunks as they come; neither a longer shard nor a pass that is over can write beside its own region. */
async function copyShard(
  kernel: Kernel,
  shards: ShardSource,
  name: string,
  address: number,
  byteLength: number,
  ensureOwner: () => void,
  signal?: AbortSignal,
): Promise<void> {
  await shards.readInto(
    name,
    (chunk, offset) => {
      ensureOwner();
      if (offset + chunk.length > byteLength) {
        throw new ServiceError(
          'model_shard_corrupt',
          `${name}: longer than the ${byteLength} bytes of its layout; run m3edge model verify`,
        );
      }
      new Uint8Array(kernel.memory.buffer, address + offset, chunk.length).set(chunk);
    },
    signal,
  );
}
