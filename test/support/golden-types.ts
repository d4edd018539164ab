/** golden.json and peer-onnxruntime.json of the fixtures, as far as they are read; free of Node, for the tests in workerd. */

export interface GoldenText {
  readonly text: string;
  readonly ids: readonly number[];
  readonly dense: readonly number[];
  readonly sparse: Readonly<Record<string, number>>;
  readonly colbert_first: readonly number[];
  readonly colbert_last: readonly number[];
  readonly colbert_rows: number;
}

export interface GoldenPair {
  readonly query: number;
  readonly passage: number;
  readonly dense: number;
  readonly sparse: number;
  readonly colbert: number;
  readonly hybrid: number;
}

export interface PeerFigures {
  readonly dense_cos_min: number;
  readonly dense_cos_mean: number;
  readonly colbert_first_cos_min: number;
  readonly colbert_first_cos_mean: number;
  readonly sparse_max_abs_diff: number;
}
