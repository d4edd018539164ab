/** The encoder's dimensions, as the manifest states them (model-shards/README.md). */
export interface Architecture {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  /** Rows of the position table, those never used included. */
  readonly positionCount: number;
  /** Row of the position table that token 0 uses: padding id + 1. */
  readonly positionOffset: number;
  /** Tokens a text, `<s>` and `</s>` included. */
  readonly maxTokens: number;
  readonly layerNormEpsilon: number;
  /** Width of a ColBERT row. */
  readonly colbertSize: number;
}

/** How a linear layer's weights are packed: 8 stored bits, or 4.5 in asymmetric groups of 32. */
export type WeightType = 'u7' | 'u4g32';

/** The linear layers of an encoder layer, in the order in which they lie in its shard. */
export const LINEAR_NAMES = ['qkv', 'attentionOutput', 'intermediate', 'output'] as const;
export type LinearName = (typeof LINEAR_NAMES)[number];

export type LayerWeightTypes = Readonly<Record<LinearName, WeightType>>;

/** [N, K]: output and input features of a linear layer. */
export function linearShape(architecture: Architecture, name: LinearName): readonly [n: number, k: number] {
  const { hiddenSize, intermediateSize } = architecture;
  switch (name) {
    case 'qkv':
      return [3 * hiddenSize, hiddenSize];
    case 'attentionOutput':
      return [hiddenSize, hiddenSize];
    case 'intermediate':
      return [intermediateSize, hiddenSize];
    case 'output':
      return [hiddenSize, intermediateSize];
  }
}
