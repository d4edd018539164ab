/** 1 - cosine, at least 0. */
export function cosineError(a: Float32Array, b: Float32Array): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return Math.max(0, 1 - ab / Math.sqrt(aa * bb));
}

/** 1 - cosine of each row. @param a, b [rows, width] */
export function colbertErrors(a: Float32Array, b: Float32Array, width: number): number[] {
  return Array.from({ length: a.length / width }, (_, row) =>
    cosineError(a.subarray(row * width, (row + 1) * width), b.subarray(row * width, (row + 1) * width)),
  );
}

/** What one text adds to the sparse figures. */
export interface SparseError {
  /** Ids with a weight in both. */
  readonly shared: number;
  /** Ids with a weight in either. */
  readonly either: number;
  /** Sum of the absolute differences. */
  readonly difference: number;
  readonly largestDifference: number;
  /** Sum of the reference's weights. */
  readonly weight: number;
}

export function sparseError(
  reference: ReadonlyMap<number, number>,
  quantised: ReadonlyMap<number, number>,
): SparseError {
  const ids = new Set([...reference.keys(), ...quantised.keys()]);
  let [shared, difference, largestDifference, weight] = [0, 0, 0, 0];
  for (const id of ids) {
    const apart = Math.abs((reference.get(id) ?? 0) - (quantised.get(id) ?? 0));
    difference += apart;
    largestDifference = Math.max(largestDifference, apart);
    weight += reference.get(id) ?? 0;
    if (reference.has(id) && quantised.has(id)) shared++;
  }
  return { shared, either: ids.size, difference, largestDifference, weight };
}
