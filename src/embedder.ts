/** What the caller wants from each text; at least one of the outputs. */
export interface EmbedOptions {
  readonly dense?: boolean;
  readonly sparse?: boolean;
  readonly colbert?: boolean;
  /** The last hidden state of every token, not normalised. */
  readonly hiddenState?: boolean;
  /** Tokens a text, `<s>` and `</s>` included; default and ceiling is the model's own maximum. */
  readonly maxTokens?: number;
  /** Cut a text that is too long, keeping `</s>`; otherwise it is refused with `input_too_long`. Default false. */
  readonly truncate?: boolean;
  /** Default `cls`, as M3 was trained. */
  readonly pooling?: 'cls' | 'mean';
  /** Put before every text, as FlagEmbedding's `query_instruction_for_retrieval` does. */
  readonly instruction?: string;
  /** Name of the request field that holds the texts, for errors; default `texts`. */
  readonly param?: string;
}

/** One text's outputs; parts not asked for are absent. Arrays are the caller's own. */
export interface Embedding {
  /** `<s>` and `</s>` included. */
  readonly tokenIds: Uint32Array;
  readonly truncated: boolean;
  /** `[hidden]`, L2-normalised. */
  readonly dense?: Float32Array;
  /** Token id → weight > 0, ids ascending. */
  readonly lexicalWeights?: ReadonlyMap<number, number>;
  /** `[tokens - 1, colbertSize]` row-major, rows L2-normalised: `<s>` is left out, `</s>` kept. */
  readonly colbert?: Float32Array;
  /** `[tokens, hidden]` row-major. */
  readonly hiddenState?: Float32Array;
}
