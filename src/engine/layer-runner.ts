import type { LayerLayout } from '../format/layout.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { type LayerContext, runEncoderLayer } from './encoder-layer.ts';

/** What runs an encoder layer: all in which the engines differ. Reading shards, embeddings, slots and outputs are common to them. */
export interface LayerRunner {
  readonly engine: 'wasm' | 'onnx';
  /** Tokens of the longest text, where memory of the engine's own allows fewer than the model. */
  readonly maxTokens?: number | undefined;
  /** Bytes of a slot, no less than the layer's shard has. */
  slotBytes(layout: LayerLayout): number;
  /** Rewrites a shard that has arrived in its slot into what `run` reads; absent where that is the shard itself. */
  readonly prepare?: (kernel: Kernel, layout: LayerLayout, address: number) => void;
  /** Replaces the pass's hidden state by the output of the layer whose slot is at `address`. */
  run(context: LayerContext, layout: LayerLayout, address: number): Promise<void>;
}

/** The default engine: the kernels of `assembly/`, which read shards as they are. */
export const WASM_LAYERS: LayerRunner = {
  engine: 'wasm',
  slotBytes: ({ byteLength }) => byteLength,
  run: runEncoderLayer,
};
