import { createEncoder, type EncodedPass } from './engine/encoder.ts';
import { createGate, type Lease } from './engine/gate.ts';
import type { Span } from './engine/pass.ts';
import { planPasses } from './engine/pass-plan.ts';
import { ServiceError } from './errors.ts';
import { fingerprintOf } from './format/fingerprint.ts';
import { TOKENIZER_FILE } from './format/layout.ts';
import type { Manifest } from './format/manifest.ts';
import { createHeads, type Pooling } from './heads/heads.ts';
import { createKernel, type DotPath, type KernelModules } from './kernel/kernel.ts';
import { LIMITS } from './limits.ts';
import type { ShardSource } from './shards/source.ts';
import { createTokenizer, type Tokenizer } from './tokenizer/tokenizer.ts';
import { parseVocabulary } from './tokenizer/vocabulary.ts';

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
  readonly pooling?: Pooling;
  /** Put before every text, as FlagEmbedding's `query_instruction_for_retrieval` does. */
  readonly instruction?: string;
  /** Name of the request field that holds text `index`, for errors; default `texts[index]`. */
  readonly paramOf?: (index: number) => string;
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

export interface Embedder {
  readonly manifest: Manifest;
  readonly fingerprint: string;
  readonly tokenizer: Tokenizer;
  readonly engine: 'wasm';
  readonly dotPath: DotPath;
  /** Embeddings of all texts, in their order. */
  embed(texts: readonly string[], options: EmbedOptions, signal?: AbortSignal): Promise<Embedding[]>;
  /**
   * Embeddings in the texts' order, each as soon as its pass is over. Every text is tokenised, and refused if it must be, before the first.
   *
   * @throws ServiceError `input_too_long`, `budget_exceeded` with the text's field in `param`; what the engine and the shards throw.
   */
  embedEach(texts: readonly string[], options: EmbedOptions, signal?: AbortSignal): AsyncGenerator<Embedding>;
}

export interface EmbedderDeps {
  readonly manifest: Manifest;
  readonly shards: ShardSource;
  readonly kernel: KernelModules;
  /** Lets input and output proceed, then at least `ms` pass; `wait(0)` must give way to a macrotask. */
  readonly wait: (ms: number) => Promise<void>;
  /** Ceiling of wasm memory; default `LIMITS.planBytes`. */
  readonly planBytes?: number;
  /** A dot product to use instead of the detected one, for tests. */
  readonly dotPath?: DotPath;
}

/** A lease outlasts the longest silence of a live holder: one kernel call of some milliseconds, or a shard that is slow to come. */
const LEASE_MS = 30_000;
const MAX_WAITING = 64;

interface EncodedText {
  readonly tokenIds: Uint32Array;
  readonly truncated: boolean;
}

/** Text → embeddings; the one place where tokenizer, engine and heads meet. */
export async function createEmbedder(deps: EmbedderDeps): Promise<Embedder> {
  const { manifest, shards, wait, planBytes = LIMITS.planBytes } = deps;
  const tokenizer = createTokenizer(parseVocabulary(await readWhole(shards, TOKENIZER_FILE, manifest)));
  const kernel = createKernel(deps.kernel, planBytes, deps.dotPath);
  const encoder = createEncoder({ manifest, shards, kernel, planBytes, wait });
  const heads = createHeads(kernel, manifest);
  const gate = createGate({ maxWaiting: MAX_WAITING, leaseMs: LEASE_MS, wait });

  const tokenize = (texts: readonly string[], options: EmbedOptions): EncodedText[] => {
    const { maxTokens: modelMaximum } = manifest.architecture;
    const maxTokens = Math.min(options.maxTokens ?? modelMaximum, modelMaximum);
    return texts.map((text, index) => {
      const { ids, truncated } = tokenizer.encode((options.instruction ?? '') + text, { maxTokens });
      if (truncated && !options.truncate) {
        const param = options.paramOf?.(index) ?? `texts[${index}]`;
        throw new ServiceError(
          'input_too_long',
          `${param} has more than ${maxTokens} tokens; shorten it or set truncate`,
          { param },
        );
      }
      return { tokenIds: ids, truncated };
    });
  };

  const finish = async (
    encoded: EncodedPass,
    span: Span,
    text: EncodedText,
    options: EmbedOptions,
  ): Promise<Embedding> => ({
    ...text,
    ...(options.dense && { dense: heads.dense(encoded, span, options.pooling ?? 'cls') }),
    ...(options.sparse && { lexicalWeights: heads.sparse(encoded, span) }),
    ...(options.colbert && { colbert: await heads.colbert(encoded, span) }),
    ...(options.hiddenState && { hiddenState: heads.hiddenState(encoded, span) }),
  });

  const runPass = async (
    texts: readonly EncodedText[],
    options: EmbedOptions,
    lease: Lease,
    signal?: AbortSignal,
  ): Promise<Embedding[]> => {
    const encoded = await encoder.encode(
      texts.map(({ tokenIds }) => tokenIds),
      { check: lease.renew, signal },
    );
    const embeddings: Embedding[] = [];
    for (const [index, span] of encoded.pass.spans.entries())
      embeddings.push(await finish(encoded, span, texts[index]!, options));
    return embeddings;
  };

  async function* embedEach(
    texts: readonly string[],
    options: EmbedOptions,
    signal?: AbortSignal,
  ): AsyncGenerator<Embedding> {
    const encodedTexts = tokenize(texts, options);
    const passes = planPasses(encodedTexts.map(({ tokenIds }) => tokenIds.length));
    for (const pass of passes) encoder.plan(pass.map((index) => encodedTexts[index]!.tokenIds.length));
    for (const pass of passes) {
      const lease = await gate.acquire(signal);
      let embeddings: Embedding[];
      try {
        embeddings = await runPass(
          pass.map((index) => encodedTexts[index]!),
          options,
          lease,
          signal,
        );
      } finally {
        lease.release();
      }
      yield* embeddings;
    }
  }

  return {
    manifest,
    fingerprint: await fingerprintOf(manifest),
    tokenizer,
    engine: 'wasm',
    dotPath: kernel.dotPath,
    embedEach,
    async embed(texts, options, signal) {
      const embeddings: Embedding[] = [];
      for await (const embedding of embedEach(texts, options, signal)) embeddings.push(embedding);
      return embeddings;
    },
  };
}

async function readWhole(shards: ShardSource, name: string, manifest: Manifest): Promise<Uint8Array> {
  const bytes = new Uint8Array(manifest.files[name]!.bytes);
  await shards.readInto(name, (chunk, offset) => bytes.set(chunk, offset));
  return bytes;
}
