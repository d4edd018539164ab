import { createEncoder, type EncodedPass } from './engine/encoder.ts';
import { createGathering, type Lease } from './engine/gathering.ts';
import type { Span } from './engine/pass.ts';
import { PASS_TOKENS, planPasses } from './engine/pass-plan.ts';
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

/** What one caller has in a pass. */
interface PassWork {
  readonly texts: readonly EncodedText[];
  readonly options: EmbedOptions;
}

/** Text → embeddings; the one place where tokenizer, engine and heads meet. */
export async function createEmbedder(deps: EmbedderDeps): Promise<Embedder> {
  const { manifest, shards, wait, planBytes = LIMITS.planBytes } = deps;
  const tokenizer = createTokenizer(parseVocabulary(await readWhole(shards, TOKENIZER_FILE, manifest)));
  const kernel = createKernel(deps.kernel, planBytes, deps.dotPath);
  const encoder = createEncoder({ manifest, shards, kernel, planBytes, wait });
  const heads = createHeads(kernel, manifest);

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

  /** One pass: the texts of every work in it side by side, each work finished as its own caller asked. */
  const runPass = async (works: readonly PassWork[], lease: Lease): Promise<Embedding[][]> => {
    const encoded = await encoder.encode(
      works.flatMap(({ texts }) => texts.map(({ tokenIds }) => tokenIds)),
      lease.renew,
    );
    const spans = encoded.pass.spans.values();
    const results: Embedding[][] = [];
    for (const { texts, options } of works) {
      const embeddings: Embedding[] = [];
      for (const text of texts) embeddings.push(await finish(encoded, spans.next().value!, text, options));
      results.push(embeddings);
    }
    return results;
  };
  const gathering = createGathering<PassWork, Embedding[]>({
    maxWaiting: MAX_WAITING,
    passCapacity: PASS_TOKENS,
    leaseMs: LEASE_MS,
    wait,
    run: runPass,
  });

  async function* embedEach(
    texts: readonly string[],
    options: EmbedOptions,
    signal?: AbortSignal,
  ): AsyncGenerator<Embedding> {
    const encodedTexts = tokenize(texts, options);
    const passes = planPasses(encodedTexts.map(({ tokenIds }) => tokenIds.length));
    const worksTokens = passes.map((pass) => pass.map((index) => encodedTexts[index]!.tokenIds.length));
    for (const tokens of worksTokens) encoder.plan(tokens);
    for (const [index, pass] of passes.entries()) {
      const work = { texts: pass.map((text) => encodedTexts[text]!), options };
      const tokens = worksTokens[index]!.reduce((sum, count) => sum + count, 0);
      yield* await gathering.submit(work, tokens, signal);
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
