import module from 'onnxruntime-web/ort-wasm-simd-threaded.wasm';
import { createWorker } from './create-worker.ts';
import { createOnnxLayers } from './engine/onnx/onnx-layers.ts';
import { TokenBudgets } from './token-budgets.ts';

/** onnxruntime's memory grows to 40 MiB with a text of this length, beside MEMORY_BYTES; with 1,024 to 50 and too near to the isolate's end. */
const MAX_TOKENS = 512;

/** The same Worker with the `onnx` engine, an entry of its own: its 14 MB of wasm are in no other bundle. `wrangler.toml`, `[env.onnx]`. */
const { handler, WorkersAi } = createWorker((architecture) => createOnnxLayers(architecture, module, MAX_TOKENS));

export default handler;
export { TokenBudgets, WorkersAi };
