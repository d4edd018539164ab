/** Element types a checkpoint may hold; only the floating-point ones can be read. */
export type ElementType = 'F32' | 'F16' | 'BF16' | 'other';

export interface TensorInfo {
  readonly type: ElementType;
  readonly shape: readonly number[];
}

/** A file, or several, of named row-major tensors. Nothing but names and shapes is held in memory. */
export interface Checkpoint {
  /** For errors: the file's name. */
  readonly name: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /**
   * Reads whole rows as float32: `rowCount` runs of `shape[1] · shape[2] · ...` values (one value a row in a vector), from `startRow` on.
   *
   * @param into At least `rowCount` rows long; filled from its start.
   * @throws UserError if the file ends early; RangeError if the tensor is absent, not of floats, or has fewer rows.
   */
  readRows(tensor: string, startRow: number, rowCount: number, into: Float32Array): void;
  close(): void;
}

/** Values in one row: the product of all dimensions but the first. */
export function rowLength(shape: readonly number[]): number {
  return shape.slice(1).reduce((product, dimension) => product * dimension, 1);
}
