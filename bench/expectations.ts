import type { DotPath } from '../src/kernel/kernel.ts';
import type { PeakName } from './results.ts';

/** Register-only peaks in workerd, billions of operations in a second, by class of CPU; measured on one machine of each, another clock gives others. */
export const EXPECTED_PEAKS: Readonly<Record<DotPath, Partial<Record<PeakName, number>>>> = {
  fused: { fused: 205, plain: 81, madd: 56 },
  pairwise: { fused: 65, pairwise: 106, plain: 86, madd: 61 },
  plain: { plain: 86 },
};
/** A loop that reaches less of it is no measure: something is wrong with the loop or the machine. */
export const LEAST_PEAK_SHARE = 0.9;

/** ms that one layer took with onnxruntime-web 1.30.0, int8, in workerd, by tokens. */
export const EXPECTED_ONNX_LAYER_MS: Readonly<Record<number, number>> = { 16: 10.0, 128: 67.2, 512: 302 };
/** Slower than this, the comparison would flatter ours. */
export const MOST_ONNX_FACTOR = 1.2;
