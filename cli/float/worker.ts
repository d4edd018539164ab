import { workerData } from 'node:worker_threads';
import { type MultiplyAdd, serve, type WorkerInput } from './threads.ts';

const { module, memory, control, slot } = workerData as WorkerInput;
const { multiplyAdd } = new WebAssembly.Instance(module, { env: { memory } }).exports as { multiplyAdd: MultiplyAdd };
serve(control, slot, multiplyAdd);
