/**
 * What a test may do to the isolate from inside, and see of it. The Worker makes its instance when it is first asked, long after this.
 */

interface Hooks {
  /** The next call of the kernels' `gelu` ends in a real trap. */
  trapNext: boolean;
  /** Added to what `Date.now` says: a lease runs out without anybody waiting for it. */
  clockAheadMs: number;
  /** When the clock was stopped: from then on nothing runs out by itself, however slow the machine. */
  stoppedAt: number | undefined;
  /** Requests that have reached the Worker, those to the hooks left out. */
  requests: number;
  readonly memories: WeakRef<WebAssembly.Memory>[];
  instances: number;
}

export const hooks: Hooks = {
  trapNext: false,
  clockAheadMs: 0,
  stoppedAt: undefined,
  requests: 0,
  memories: [],
  instances: 0,
};

export const realNow = Date.now.bind(Date);
Date.now = () => (hooks.stoppedAt ?? realNow()) + hooks.clockAheadMs;

/** The engine's own steps are shorter, its patience with storage longer. */
const PATIENCE_MS = 1000;
const realSetTimeout = setTimeout;

/** Where the clock is stopped, so is patience. */
globalThis.setTimeout = ((callback: () => void, ms: number, ...args: unknown[]) => {
  const fire = (): void => {
    if (hooks.stoppedAt === undefined || ms < PATIENCE_MS) callback(...(args as []));
  };
  return realSetTimeout(fire, ms);
}) as typeof setTimeout;

const { Memory, Instance } = WebAssembly;

WebAssembly.Memory = class extends Memory {
  constructor(descriptor: WebAssembly.MemoryDescriptor) {
    super(descriptor);
    hooks.memories.push(new WeakRef(this));
  }
};

/** No memory of ours reaches as far. */
const OUTSIDE = 0xffff_0000;

type Exports = Readonly<Record<string, unknown>>;

WebAssembly.Instance = new Proxy(Instance, {
  construct(target, [module, imports]: [WebAssembly.Module, WebAssembly.Imports]) {
    const instance = new target(module, imports);
    hooks.instances++;
    const { gelu, ...rest } = instance.exports as Record<string, (...args: number[]) => number>;
    if (!gelu) return instance;
    const exports: Exports = {
      ...rest,
      gelu(...args: number[]) {
        if (!hooks.trapNext) return gelu(...args);
        hooks.trapNext = false;
        return gelu(OUTSIDE, args[1]!);
      },
    };
    return { exports };
  },
});
