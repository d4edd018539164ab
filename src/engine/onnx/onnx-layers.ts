import type { Architecture } from '../../format/architecture.ts';
import type { LayerLayout } from '../../format/layout.ts';
import type { LayerContext } from '../encoder-layer.ts';
import type { LayerRunner } from '../layer-runner.ts';
import type { Span } from '../pass.ts';
import { buildLayerGraphs, NORM_NAMES } from './layer-graphs.ts';
import { encodeOnnxModel } from './onnx-model.ts';
import { createSessions, type Session, Tensor } from './runtime.ts';
import { matricesOf, planSlot, prepareSlot } from './slot.ts';

type Feeds = Readonly<Record<string, Tensor>>;

/** onnxruntime holds a block's attention scores whole, f32 [heads, rows, tokens]; blocks of 512 rows are no faster and take 20 MiB more. */
const BLOCK_ROWS = 128;

/**
 * The `onnx` engine: encoder layers through onnxruntime-web, weights as graph inputs straight from the slots.
 *
 * onnxruntime quantises activations by tensor, so each text passes alone: its numbers do not depend on its neighbours. It starts with the first layer
 * that is run.
 *
 * @param module `onnxruntime-web/ort-wasm-simd-threaded.wasm`, compiled.
 * @param maxTokens Of the longest text: onnxruntime's memory grows with it, outside of `planMemory`'s budget. Default the model's own.
 */
export function createOnnxLayers(
  architecture: Architecture,
  module: WebAssembly.Module,
  maxTokens?: number,
): LayerRunner {
  const { hiddenSize, intermediateSize } = architecture;
  const target = planSlot(architecture);
  const scratch = new Uint8Array(Math.max(hiddenSize, intermediateSize) * hiddenSize);
  let sessions: Session[] | undefined;

  const startSessions = (): Promise<Session[]> => {
    const { keysValues, block } = buildLayerGraphs(architecture);
    return createSessions(module, [keysValues, block].map(encodeOnnxModel));
  };

  const runText = async (context: LayerContext, weights: Feeds, { start, tokens }: Span): Promise<void> => {
    const { kernel, plan, pace } = context;
    const [keysValues, block] = sessions as [Session, Session];
    const hidden = new Float32Array(kernel.memory.buffer, plan.hidden + 4 * hiddenSize * start, tokens * hiddenSize);
    const rowsOf = (values: Float32Array) => new Tensor('float32', values, [1, values.length / hiddenSize, hiddenSize]);
    const kept = await run(keysValues, { ...weights, x: rowsOf(hidden) });
    await pace(4 * tokens * hiddenSize * hiddenSize);

    for (let row = 0; row < tokens; row += BLOCK_ROWS) {
      const rows = hidden.subarray(row * hiddenSize, (row + BLOCK_ROWS) * hiddenSize);
      const { y } = await run(block, { ...weights, ...kept, x: rowsOf(rows) });
      rows.set(y!.data as Float32Array);
      await pace(4 * rows.length * (hiddenSize + intermediateSize + tokens));
    }
  };

  return {
    engine: 'onnx',
    maxTokens,
    slotBytes: ({ byteLength }) => Math.max(byteLength, target.byteLength),
    prepare({ memory }, layout, address) {
      prepareSlot(new Uint8Array(memory.buffer, address, target.byteLength), layout, target, scratch);
    },
    async run(context, _layout, address) {
      sessions ??= await startSessions();
      const weights = weightTensors(target, context.kernel.memory.buffer, address);
      for (const span of context.pass.spans) await runText(context, weights, span);
    },
  };
}

/** Feeds the inputs that the session's graph has. */
function run(session: Session, feeds: Feeds): Promise<Feeds> {
  return session.run(Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]!])));
}

/** Views of a prepared slot, by the names of `layer-graphs.ts`. */
function weightTensors(target: LayerLayout, memory: ArrayBuffer, address: number): Feeds {
  const vector = (offset: number, size: number) =>
    new Tensor('float32', new Float32Array(memory, address + offset, size), [size]);
  const feeds: Record<string, Tensor> = {};
  for (const { name, k, n, weights, scale, bias, columnSum } of matricesOf(target)) {
    feeds[name] = new Tensor('uint8', new Uint8Array(memory, address + weights, k * n), [k, n]);
    feeds[`${name}_scale`] = vector(scale, n);
    feeds[`${name}_bias`] = vector(bias, n);
    feeds[`${name}_columnSum`] = vector(columnSum, n);
  }
  for (const name of NORM_NAMES) {
    feeds[`${name}_weight`] = vector(target[name].weight, target.attentionOutput.n);
    feeds[`${name}_bias`] = vector(target[name].bias, target.attentionOutput.n);
  }
  return feeds;
}
