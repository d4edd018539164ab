import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

/** `multiplyAdd` with all its arguments. */
export type MultiplyAdd = (
  rowGroups: number,
  panels: number,
  steps: number,
  a: number,
  aStep: number,
  aGroupBytes: number,
  b: number,
  out: number,
  outStride: number,
) => void;

/** What a worker is given. */
export interface WorkerInput {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: Int32Array<SharedArrayBuffer>;
  /** Index in `control` of the worker's own word. */
  readonly slot: number;
}

// `control`: the job's arguments, how far it is, and a word a worker.
const ARGUMENTS = 9;
const NEXT_PANEL = ARGUMENTS;
const PENDING = ARGUMENTS + 1;
const FIRST_SLOT = ARGUMENTS + 2;
/** In a worker's word until it has started; then the number of its last job. */
const NOT_READY = -1;

/** Below this a product is done before a thread wakes. */
const MIN_OPERATIONS = 2 ** 24;
const MAX_WORKERS = 7;
/** Panels taken at once: with 512 steps 128 KB of the packed side. */
const PANELS_AT_ONCE = 8;
const PATIENCE_MS = 60_000;

/**
 * `multiplyAdd` on all cores: each takes panels, which are whole columns of the result, so that sums and bits stay the same. Workers start with the
 * first product that is worth it, and help once they are there.
 */
export function createThreadedMultiplyAdd(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  multiplyAdd: MultiplyAdd,
  workerCount = Math.min(MAX_WORKERS, availableParallelism() - 1),
): MultiplyAdd {
  if (workerCount === 0) return multiplyAdd;
  const control = new Int32Array(new SharedArrayBuffer(4 * (FIRST_SLOT + workerCount)));
  control.fill(NOT_READY, FIRST_SLOT);
  let started = false;
  let job = 0;
  const start = () => {
    for (let i = 0; i < workerCount; i++) {
      const workerData: WorkerInput = { module, memory, control, slot: FIRST_SLOT + i };
      new Worker(new URL('./worker.ts', import.meta.url), { workerData }).unref();
    }
    started = true;
  };

  return (...args) => {
    const [rowGroups, panels, steps] = args;
    if (rowGroups * panels * steps * 64 < MIN_OPERATIONS) return multiplyAdd(...args);
    if (!started) start();
    for (const [i, value] of args.entries()) control[i] = value;
    Atomics.store(control, NEXT_PANEL, 0);
    job = (job + 1) & 0x7fffffff;
    const ready = Array.from({ length: workerCount }, (_, i) => FIRST_SLOT + i).filter(
      (slot) => Atomics.load(control, slot) !== NOT_READY,
    );
    Atomics.store(control, PENDING, ready.length);
    for (const slot of ready) {
      Atomics.store(control, slot, job);
      Atomics.notify(control, slot);
    }
    takePanels(control, multiplyAdd);
    for (let pending = Atomics.load(control, PENDING); pending > 0; pending = Atomics.load(control, PENDING)) {
      if (Atomics.wait(control, PENDING, pending, PATIENCE_MS) === 'timed-out')
        throw new Error('a worker thread of the float32 path does not answer');
    }
  };
}

/** A worker's life: waits for jobs and helps with them. */
export function serve(control: Int32Array<SharedArrayBuffer>, slot: number, multiplyAdd: MultiplyAdd): never {
  Atomics.store(control, slot, 0);
  for (let done = 0; ; ) {
    Atomics.wait(control, slot, done);
    const job = Atomics.load(control, slot);
    if (job === done) continue;
    done = job;
    takePanels(control, multiplyAdd);
    Atomics.sub(control, PENDING, 1);
    Atomics.notify(control, PENDING);
  }
}

function takePanels(control: Int32Array<SharedArrayBuffer>, multiplyAdd: MultiplyAdd): void {
  // Addresses above 2 GB are negative as i32.
  const [rowGroups, panels, steps, a, aStep, aGroupBytes, b, out, outStride] = Uint32Array.from(
    control.subarray(0, ARGUMENTS),
  ) as unknown as Parameters<MultiplyAdd>;
  for (;;) {
    const panel = Atomics.add(control, NEXT_PANEL, PANELS_AT_ONCE);
    if (panel >= panels) return;
    multiplyAdd(
      rowGroups,
      Math.min(PANELS_AT_ONCE, panels - panel),
      steps,
      a,
      aStep,
      aGroupBytes,
      b + panel * steps * 32,
      out + panel * 32,
      outStride,
    );
  }
}
