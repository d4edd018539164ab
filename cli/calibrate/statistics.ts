import type { FloatKernel, Matrix } from '../float/kernel.ts';
import { addGram, part } from '../float/multiply.ts';

/** The same texts' inputs or outputs in the checkpoint, and in what has been quantised so far. */
export interface Streams {
  readonly reference: Matrix;
  readonly quantised: Matrix;
}

/** What calibration looks at of a linear layer's inputs x (reference) and y (quantised). */
export interface Statistics {
  readonly tokens: number;
  /** [k] x̄ and ȳ. */
  readonly means: { readonly reference: Float64Array; readonly quantised: Float64Array };
  /** [k, k] Σ (y - ȳ)(y - ȳ)ᵀ, only the upper triangle. */
  readonly moments: Matrix;
  /** [k, k] Σ (x - x̄ - y + ȳ)(y - ȳ)ᵀ */
  readonly coupling: Matrix;
}

/** Rows of activations at hand. */
const ROWS = 512;

/** @param isRounded Whether the engine rounds these inputs to 8 bits. */
export function collectStatistics(kernel: FloatKernel, input: Streams, isRounded: boolean): Statistics {
  const { rows, columns: k } = input.reference;
  const means = findMeans(kernel, input, isRounded);
  const moments = kernel.matrix(k, k);
  const coupling = kernel.matrix(k, k);
  const mean = kernel.matrix(1, k);
  kernel.values(mean).set(means.quantised);
  const meanDifference = kernel.matrix(1, k);
  kernel.values(meanDifference).set(means.reference.map((value, i) => value - means.quantised[i]!));
  forRowBlocks(kernel, input, isRounded, (difference, quantised) => {
    kernel.subtract(difference.address, quantised.address, difference.rows * k);
    addGram(kernel, quantised, quantised, mean, mean, moments, true);
    addGram(kernel, difference, quantised, meanDifference, mean, coupling, false);
  });
  return { tokens: rows, means, moments, coupling };
}

/** Blocks of both streams, in copies; those of the quantised one rounded as the engine rounds activations. */
export function forRowBlocks(
  kernel: FloatKernel,
  { reference, quantised }: Streams,
  isRounded: boolean,
  work: (reference: Matrix, quantised: Matrix, start: number) => void,
): void {
  const k = reference.columns;
  for (let start = 0; start < reference.rows; start += ROWS) {
    const count = Math.min(ROWS, reference.rows - start);
    kernel.scope(() => {
      const copyOf = (stream: Matrix) => {
        const copy = kernel.matrix(count, k);
        kernel.values(copy).set(kernel.values(part(stream, start, count)));
        return copy;
      };
      const copies = [copyOf(reference), copyOf(quantised)] as const;
      if (isRounded) kernel.roundRows(copies[1].address, count, k, copies[1].address);
      work(...copies, start);
    });
  }
}

function findMeans(kernel: FloatKernel, input: Streams, isRounded: boolean): Statistics['means'] {
  const { rows, columns } = input.reference;
  const means = { reference: new Float64Array(columns), quantised: new Float64Array(columns) };
  const addMean = (sums: Float64Array, block: Matrix) => {
    const mean = kernel.matrix(1, columns);
    kernel.meanRows(block.address, block.rows, columns, mean.address);
    const values = kernel.values(mean);
    for (let i = 0; i < columns; i++) sums[i] = sums[i]! + values[i]! * (block.rows / rows);
  };
  forRowBlocks(kernel, input, isRounded, (reference, quantised) => {
    addMean(means.reference, reference);
    addMean(means.quantised, quantised);
  });
  return means;
}
