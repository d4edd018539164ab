import type { LayerContext } from '../../src/engine/encoder-layer.ts';
import type { LayerRunner } from '../../src/engine/layer-runner.ts';
import { type MemoryPlan, planMemory } from '../../src/engine/memory-plan.ts';
import { createPass } from '../../src/engine/pass.ts';
import { PANEL_COLUMNS, planLayerLayout } from '../../src/format/layout.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import { type Kernel, WASM_PAGE_BYTES } from '../../src/kernel/kernel.ts';

/** One encoder layer in memory with a hidden state, apart from everything that feeds it. */
export interface LayerStand {
  /** Lays out a pass of one text of so many tokens. */
  setTokens(tokens: number): void;
  runLayer(): Promise<void>;
  /** The hidden state, f32 [tokens, hidden], in the kernel's memory. */
  hidden(): Float32Array<ArrayBuffer>;
  /** Runs again the kernel calls that a layer makes for a part; the first time it runs one to learn them. */
  runPart(part: string, repeat: number): Promise<void>;
  /** The whole matrix against a block of the pass's rows, at most 128. */
  runGemm(matrix: string, repeat: number): void;
}

/** Kernel functions by the part of a layer that they are. */
export const PARTS = {
  gemm: ['gemm'],
  attention: ['attention', 'storeKeysValues'],
  gelu: ['gelu'],
  layerNorm: ['addLayerNorm'],
  quantise: ['quantizeRows'],
} as const satisfies Readonly<Record<string, readonly (keyof Kernel)[]>>;

type Call = readonly [name: string, run: () => unknown];

export function createLayerStand(
  { architecture, layers }: Manifest,
  kernel: Kernel,
  runner: LayerRunner,
  shard: Uint8Array,
): LayerStand {
  const layout = planLayerLayout(architecture, layers[0]!);
  const page = { pageBytes: 0, pageCount: 0 };
  let tokenCount = 0;
  let plan: MemoryPlan | undefined;
  let context: LayerContext | undefined;
  let calls: Call[] | undefined;

  const hiddenState = () =>
    new Float32Array(kernel.memory.buffer as ArrayBuffer, plan!.hidden, tokenCount * architecture.hiddenSize);
  const contextOf = (used: Kernel): LayerContext => ({ ...context!, kernel: used });

  /** The calls of one layer, in order. */
  const record = async (): Promise<Call[]> => {
    const calls: Call[] = [];
    const recorder = Object.fromEntries(
      Object.entries(kernel).map(([name, value]) => {
        if (typeof value !== 'function') return [name, value];
        const call = value as (...args: number[]) => unknown;
        return [
          name,
          (...args: number[]) => {
            calls.push([name, () => call(...args)]);
            return call(...args);
          },
        ];
      }),
    ) as unknown as Kernel;
    await runner.run(contextOf(recorder), layout, plan!.slots);
    return calls;
  };

  return {
    setTokens(tokens) {
      const sizes = {
        architecture: { ...architecture, layerCount: 1 },
        embeddingsBytes: 0,
        headsBytes: 0,
        words: page,
        positions: page,
        layerBytes: runner.slotBytes(layout),
      };
      plan = planMemory(sizes, kernel.heapBase(), Number.MAX_SAFE_INTEGER, [tokens]);
      const missing = plan.totalBytes - kernel.memory.buffer.byteLength;
      if (missing > 0) kernel.memory.grow(Math.ceil(missing / WASM_PAGE_BYTES));
      new Uint8Array(kernel.memory.buffer, plan.slots).set(shard);
      runner.prepare?.(kernel, layout, plan.slots);
      tokenCount = tokens;
      const hidden = hiddenState();
      for (let i = 0; i < hidden.length; i++) hidden[i] = Math.sin(i); // any values of LayerNorm's size
      calls = undefined;
      context = {
        kernel,
        architecture,
        plan,
        pass: createPass([new Uint32Array(tokens)]),
        pace: () => undefined,
      };
    },
    runLayer: () => runner.run(contextOf(kernel), layout, plan!.slots),
    hidden: hiddenState,
    async runPart(part, repeat) {
      const names: readonly string[] = PARTS[part as keyof typeof PARTS];
      calls ??= await record();
      const ours = calls.filter(([name]) => names.includes(name));
      for (let i = 0; i < repeat; i++) for (const [, run] of ours) run();
    },
    runGemm(matrix, repeat) {
      const { n, k, type, weights, scale, columnSum, bias } = layout[matrix as 'intermediate'];
      const { activations, rowScales, wide, panelScratch, slots, blockRows } = plan!;
      const sections = [weights, scale, columnSum, bias].map((offset) => slots + offset) as [
        number,
        number,
        number,
        number,
      ];
      const [groups, panels, code] = [blockRows / 4, n / PANEL_COLUMNS, type === 'u7' ? 0 : 1];
      for (let i = 0; i < repeat; i++)
        kernel.gemm(groups, k, panels, code, activations, rowScales, ...sections, wide, 4 * n, panelScratch);
    },
  };
}
