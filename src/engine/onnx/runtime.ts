import * as ort from 'onnxruntime-web/wasm';

export type Session = ort.InferenceSession;
export const { Tensor } = ort;
export type Tensor = ort.Tensor;

/** No arena: what a run used is free for the next one, and the heap stays at the largest run's need. */
const SESSION_OPTIONS: ort.InferenceSession.SessionOptions = {
  executionProviders: ['wasm'],
  enableCpuMemArena: false,
  enableMemPattern: false,
};

/**
 * Sessions of onnxruntime-web, whose wasm is compiled already: workerd compiles none from bytes. One thread; nothing is requested from anywhere.
 *
 * onnxruntime starts with the first session and hands its bytes to `WebAssembly.instantiate`: for that time the call instantiates `module` instead.
 * Nothing in between waits for more than microtasks, so no other request runs meanwhile, and no cancelled one leaves a runtime half started.
 *
 * @param module `onnxruntime-web/ort-wasm-simd-threaded.wasm`.
 */
export async function createSessions(module: WebAssembly.Module, models: readonly Uint8Array[]): Promise<Session[]> {
  ort.env.wasm.numThreads = 1;
  // Selects the glue inside the bundle, as a Worker has no URL to import another from; the content is never looked at.
  ort.env.wasm.wasmBinary = new ArrayBuffer(0);
  const { instantiate } = WebAssembly;
  const instantiateModule = async (_bytes: unknown, imports: WebAssembly.Imports) => ({
    module,
    instance: new WebAssembly.Instance(module, imports),
  });
  Object.assign(WebAssembly, { instantiate: instantiateModule });
  try {
    const sessions: Session[] = [];
    for (const model of models) sessions.push(await ort.InferenceSession.create(model, SESSION_OPTIONS));
    return sessions;
  } finally {
    Object.assign(WebAssembly, { instantiate });
  }
}
