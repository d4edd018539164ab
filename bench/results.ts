import type { DotPath } from '../src/kernel/kernel.ts';
import type { Timing } from './measure.ts';

/** One run of all benchmarks: what `bench/last.json` holds. */
export interface Results {
  /** ISO date of the day. */
  readonly date: string;
  readonly machine: string;
  readonly runtimes: string;
  /** The kernels' dot product on this CPU, the class that `kernels.md`'s figures are told apart by. */
  readonly dotPath: DotPath;
  /** Time on the wall beyond CPU time in layers, which wait for nothing: what others took of the machine. */
  readonly contention: number;
  /** What was left out, and what looks wrong. */
  readonly notes: readonly string[];
  /** Whole passes, 24 layers, one text. */
  readonly passes: readonly TimesAt[];
  /** One resident encoder layer in workerd. */
  readonly layers: readonly TimesAt[];
  /** Its parts with `wasm` q8, the same kernel calls again. */
  readonly parts: readonly TimesAt[];
  readonly gemm: readonly GemmResult[];
  /** Billions of operations in a second, by loop of `assembly/peak.ts`. */
  readonly peaks: Readonly<Record<PeakName, number>>;
  /** A layer of 128 tokens in isolates that have just started, and in one that has not. */
  readonly firstCall: { readonly first: Timing; readonly warm: Timing };
}

export interface TimesAt {
  readonly tokens: number;
  readonly times: Readonly<Record<string, Timing>>;
}

export interface GemmResult {
  readonly preset: string;
  /** [n, k] */
  readonly matrix: readonly [n: number, k: number];
  readonly rows: number;
  /** Billions of operations in a second. */
  readonly gops: number;
  /** Of the peak of the dot product in use. */
  readonly share: number;
}

export const PEAK_NAMES = ['fused', 'pairwise', 'plain', 'madd'] as const;
export type PeakName = (typeof PEAK_NAMES)[number];

export const ENGINES = ['wasm q8', 'wasm q4', 'onnx int8'] as const;
export type EngineName = (typeof ENGINES)[number];
export const MODES = ['resident', 'streamed'] as const;
export type Mode = (typeof MODES)[number];

export const passName = (engine: EngineName, mode: Mode) => `${engine}, ${mode}`;
