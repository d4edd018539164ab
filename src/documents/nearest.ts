/**
 * Where dense vectors of all documents are, beside the database: gives keys of documents near a vector, the nearest first. Some of them may have gone.
 *
 * @param tenant Its name.
 * @param set The vectors' VectorSet.
 */
export type NearestSource = (
  dense: Float32Array,
  tenant: string,
  set: { readonly id: number; readonly fingerprint: string },
) => Promise<readonly number[]>;
