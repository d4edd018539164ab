import type { WeightType } from '../../src/format/architecture.ts';
import { GROUP_SIZE } from '../../src/format/layout.ts';
import {
  clamp,
  createU4Channel,
  expandCode,
  fitGroup,
  fitU4Scale,
  fitU7Scale,
  group,
  MAX_U,
  nearestCode,
  type U4Channel,
  ZERO_POINT,
} from '../convert/quantise.ts';
import type { Factor } from '../float/cholesky.ts';
import type { FloatKernel, Matrix } from '../float/kernel.ts';
import { packColumns, part } from '../float/multiply.ts';

/** Integers of a linear layer, one channel an output feature; of `u7`, only `u` counts. */
export interface RoundedLinear {
  readonly scale: Float32Array;
  readonly channels: readonly U4Channel[];
}

/**
 * Rounds weights so that their errors cancel in the outputs: column after column, each weight takes over what the columns before it
 * have done to the output, as far as it can (GPTQ; with A = R · Rᵀ the same as Babai's nearest plane, no inverse needed):
 *
 *   q[i] = round(w[i] + Σ_{j<i} (w[j] - q[j]) · R[j, i] / R[i, i])
 *
 * The sums over earlier groups of 32 columns run in float32 on the kernel, those within a group in float64.
 *
 * @param weight [n, k]; becomes scale · (u - 64).
 * @param factor Of the inputs' second moments, [k, k].
 */
export function roundLinear(kernel: FloatKernel, type: WeightType, weight: Matrix, { upper }: Factor): RoundedLinear {
  const { rows: n, columns: k } = weight;
  const values = kernel.values(weight);
  const scale = Float32Array.from({ length: n }, (_, row) => fitScale[type](values, row * k, k));
  const channels = Array.from({ length: n }, () => createU4Channel(k));
  kernel.scope(() => {
    // Errors w - q as multiplyAdd takes them, [n / 4][k][4].
    const errors = kernel.matrix(k, n);
    const errorValues = kernel.values(errors);
    const carried = kernel.matrix(n, GROUP_SIZE);
    const carriedValues = kernel.values(carried);
    for (let start = 0; start < k; start += GROUP_SIZE) {
      carriedValues.fill(0);
      if (start > 0) {
        kernel.scope(() => {
          const packed = packColumns(kernel, part(upper, 0, start, start, GROUP_SIZE), 8);
          const panels = GROUP_SIZE / 8;
          kernel.multiplyAdd(n / 4, panels, start, errors.address, 16, 16 * k, packed, carried.address, carried.stride);
        });
      }
      const coupling = readCoupling(kernel, upper, start);
      for (let row = 0; row < n; row++) {
        const at = row * k + start;
        for (let i = 0; i < GROUP_SIZE; i++) {
          target[i] = values[at + i]!;
          shift[i] = carriedValues[row * GROUP_SIZE + i]! * coupling.inverse[i]!;
        }
        roundGroup[type](channels[row]!, start, scale[row]!, coupling.ratio);
        for (let i = 0; i < GROUP_SIZE; i++) {
          errorValues[(row >> 2) * 4 * k + (start + i) * 4 + (row & 3)] = error[i]!;
          values[at + i] = target[i]! - error[i]!;
        }
      }
    }
  });
  return { scale, channels };
}

const fitScale: Readonly<Record<WeightType, (weights: Float32Array, start: number, k: number) => number>> = {
  u7: fitU7Scale,
  u4g32: fitU4Scale,
};

// Scratch for the 32 weights at hand: a model has ten million such groups.
const target = new Float64Array(GROUP_SIZE);
/** What the groups before add. */
const shift = new Float64Array(GROUP_SIZE);
const error = new Float64Array(GROUP_SIZE);

/** 1 / R[i, i] and R[j, i] / R[i, i] of the columns of a group. */
function readCoupling(kernel: FloatKernel, upper: Matrix, start: number) {
  const inverse = new Float64Array(GROUP_SIZE);
  const ratio = new Float64Array(GROUP_SIZE * GROUP_SIZE);
  const rows = Array.from({ length: GROUP_SIZE }, (_, j) =>
    kernel.values(part(upper, start + j, 1, start, GROUP_SIZE)),
  );
  for (let i = 0; i < GROUP_SIZE; i++) {
    inverse[i] = 1 / rows[i]![i]!;
    for (let j = 0; j < i; j++) ratio[i * GROUP_SIZE + j] = rows[j]![i]! * inverse[i]!;
  }
  return { inverse, ratio };
}

/** Rounds the 32 weights of `target` and writes what is left of each to `error`. */
type RoundGroup = (channel: U4Channel, start: number, scale: number, ratio: Float64Array) => void;

const roundGroup: Readonly<Record<WeightType, RoundGroup>> = {
  u7({ u }, start, scale, ratio) {
    const inverse = scale === 0 ? 0 : 1 / scale;
    for (let i = 0; i < GROUP_SIZE; i++) {
      const wanted = target[i]! + shiftOf(i, ratio);
      const value = Math.floor(clamp(wanted * inverse + ZERO_POINT, 0, MAX_U) + 0.5);
      u[start + i] = value;
      error[i] = target[i]! - scale * (value - ZERO_POINT);
    }
  },
  u4g32({ steps, minima, codes, u }, start, scale, ratio) {
    const inverse = scale === 0 ? 0 : 1 / scale;
    // Step and minimum fit the weights as the groups before want them.
    for (let i = 0; i < GROUP_SIZE; i++) group[i] = clamp((target[i]! + shift[i]!) * inverse + ZERO_POINT, 0, MAX_U);
    const { step, minimum } = fitGroup();
    steps[start / GROUP_SIZE] = step;
    minima[start / GROUP_SIZE] = minimum;
    const stepInverse = step === 0 ? 0 : 16 / step;
    for (let i = 0; i < GROUP_SIZE; i++) {
      const wanted = (target[i]! + shiftOf(i, ratio)) * inverse + ZERO_POINT;
      const code = nearestCode(wanted - minimum, stepInverse);
      const value = expandCode(code, step, minimum);
      codes[start + i] = code;
      u[start + i] = value;
      error[i] = target[i]! - scale * (value - ZERO_POINT);
    }
  },
};

function shiftOf(i: number, ratio: Float64Array): number {
  let sum = shift[i]!;
  const row = i * GROUP_SIZE;
  for (let j = 0; j < i; j++) sum += error[j]! * ratio[row + j]!;
  return sum;
}
