const KiB = 1024;
const MiB = 1024 * KiB;

/** Ceilings, each with its reason. What a model cannot do itself (its `maxTokens`) is lower and stands in its manifest. */
export const LIMITS = {
  /** Isolates end at 128 MiB; V8, bodies, the tokenizer and JSON take up to 34 at 8,192 tokens: `npm run check streaming:memory-q8`. */
  planBytes: 86 * MiB,
  /** Tokens a text, `<s>` and `</s>` included: 8194 position rows less the two that XLM-R never uses. */
  maxTokens: 8192,
  /** Texts in one request; a larger batch gains nothing, as a pass holds `maxTokens` tokens. */
  maxTexts: 256,
  /** Inputs in one request in OpenAI's dialect: what its clients send at most, and some send what they have in such batches. */
  maxInputs: 2048,
  /** Documents in one request to rerank: what Cohere advises, and its clients send. */
  maxDocuments: 1000,
  /** Texts in one request in the dialect of Workers AI, which has this limit. */
  maxAiTexts: 100,
  /** Pairs in one `/score` request, as a batch for `maxTexts`. */
  maxPairs: 256,
  /** Request body: a text of 8,192 tokens is about 40 KB, and 256 short ones are less than 2 MB. */
  bodyBytes: 2 * MiB,
  /** Body of a request that may hold stored vectors: 8-bit ColBERT rows of ten passages of 512 tokens. Read and parsed it takes about 24 MiB. */
  vectorBodyBytes: 8 * MiB,
  /** Floats held for one JSON answer: every output of one text of 8,192 tokens (8,192 · 4 KiB). More can only be had line by line. */
  answerBytes: 32 * MiB,
  /** UTF-16 units of one text; tokenising stops at the token limit, this bounds what is looked at at all. */
  textUnits: 1024 * KiB,
  /** Results of one search, and documents that it scores by ColBERT. */
  maxFound: 100,
  /** Documents whose vectors one search reads: of BGE-M3 some 60 MB, of which 2 are held at once. */
  maxCandidates: 10_000,
  /** Text and metadata of a stored document: a row of D1 has 2 MB, and SQL needs room beside it. */
  documentBytes: 1024 * KiB,
  /** Shard files stay below the 25 MiB that a static asset may have. */
  shardBytes: 24 * MiB,
  /** A manifest names some 4,000 files with a digest each: 0.4 MB; more than this is not one of ours. */
  manifestBytes: 4 * MiB,
} as const;
