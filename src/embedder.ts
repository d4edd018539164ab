import { countOperations } from './engine/cost.ts';
import { createEncoder, type EncodedPass, type LayerProgress, type OnLayer } from './engine/encoder.ts';
import { createGathering, type Lease } from './engine/gathering.ts';
import { type LayerRunner, WASM_LAYERS } from './engine/layer-runner.ts';
import type { Span } from './engine/pass.ts';
import { PASS_TOKENS, planPasses } from './engine/pass-plan.ts';
import { ServiceError } from './errors.ts';
import type { Architecture } from './format/architecture.ts';
import { fingerprintOf } from './format/fingerprint.ts';
import { TOKENIZER_FILE } from './format/layout.ts';
import type { Manifest } from './format/manifest.ts';
import { createHeads, type Pooling } from './heads/heads.ts';
import type { DotPath, KernelModules } from './kernel/kernel.ts';
import { createMaxSim, type MaxSim } from './kernel/max-sim.ts';
import { createCheckedKernel } from './kernel/self-test.ts';
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
  /** Where a text that is cut loses tokens; default right. */
  readonly truncationSide?: 'left' | 'right';
  /** Default `cls`, as M3 was trained. */
  readonly pooling?: Pooling;
  /** Whether the dense output is divided by its length; default true. */
  readonly normalize?: boolean;
  /** Put before every text, as FlagEmbedding's `query_instruction_for_retrieval` does. */
  readonly instruction?: string;
  /**
   * The caller takes the ColBERT rows of long texts block by block, in `colbertBlocks`: 8,191 rows of BGE-M3 are 33 MB, a quarter of an isolate.
   * Default false.
   */
  readonly streamColbert?: boolean;
  /** Bytes of vectors that the caller can hold; more is refused with `budget_exceeded` before anything is read. Default no limit. */
  readonly answerBytes?: number;
  /** Told once the texts are tokenised, and after each pass that had one of them. */
  readonly onTimes?: (times: EmbedTimes) => void;
  /** Told after each encoder layer of each pass that has one of the texts; where another caller leads it, about the latest layer only. */
  readonly onLayer?: OnLayer;
  /** Name of the request field that holds text `index`, for errors; default `texts[index]`. */
  readonly paramOf?: (index: number) => string;
  /** Name of the request field that stands for `truncate`, for errors; null where the caller has none; default `truncate`. */
  readonly truncateField?: string | null;
}

/** Milliseconds more that went by; on Cloudflare the clock only moves with input and output. */
export interface EmbedTimes {
  readonly tokenizeMs?: number;
  readonly queueMs?: number;
  readonly inferenceMs?: number;
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
  /** In place of `colbert`, with `streamColbert`, for a long text: its rows in blocks, each valid until the next; to be taken before the next text. */
  readonly colbertBlocks?: AsyncIterable<Float32Array>;
  /** `[tokens, hidden]` row-major. */
  readonly hiddenState?: Float32Array;
}

export interface Embedder {
  readonly manifest: Manifest;
  readonly fingerprint: string;
  readonly tokenizer: Tokenizer;
  readonly engine: LayerRunner['engine'];
  readonly dotPath: DotPath;
  /** Tokens of the longest text: the model's own maximum, or less where the engine's memory wants it. */
  readonly maxTokens: number;
  /** Requests that wait for the engine. */
  waitingCount(): number;
  /** What embedding these texts would take; nothing is read. @throws ServiceError as `embedEach` does before its first text. */
  estimate(texts: readonly string[], options: EmbedOptions): Estimate;
  /** Embeddings of all texts, in their order. */
  embed(texts: readonly string[], options: EmbedOptions, signal?: AbortSignal): Promise<Embedding[]>;
  /**
   * Embeddings in the texts' order, each as soon as its pass is over. Every text is tokenised, and refused if it must be, before the first.
   *
   * @throws ServiceError `input_too_long`, `budget_exceeded` with the text's field in `param`; what the engine and the shards throw.
   */
  embedEach(texts: readonly string[], options: EmbedOptions, signal?: AbortSignal): AsyncGenerator<Embedding>;
  /** `maxSim` of `src/scoring` for this model's ColBERT rows, faster and with the same bits. */
  readonly maxSim: MaxSim;
}

export interface Estimate {
  /** Of each text, `<s>` and `</s>` included. */
  readonly tokens: readonly number[];
  readonly passes: number;
  readonly cpuMs: number;
  /** Whether `cpuMs` is within the deployment's limit. */
  readonly fits: boolean;
}

export interface EmbedderDeps {
  readonly manifest: Manifest;
  readonly shards: ShardSource;
  readonly kernel: KernelModules;
  /** The engine; default the kernels. */
  readonly layers?: LayerRunner | undefined;
  /** Lets input and output proceed, then at least `ms` pass; `wait(0)` must give way to a macrotask. */
  readonly wait: (ms: number) => Promise<void>;
  /** Ceiling of wasm memory; default `LIMITS.planBytes`. */
  readonly planBytes?: number;
  /** CPU time that one request may take; default no limit. */
  readonly cpuMs?: number;
  /** Operations (`engine/cost.ts`) that this CPU does in a millisecond; default `OPERATIONS_PER_MS`. */
  readonly operationsPerMs?: number;
  /** A text of more tokens is streamed where the caller can take that; default PASS_TOKENS, in BGE-M3 4 MB of ColBERT rows. */
  readonly streamedTokens?: number;
  /** A dot product to use instead of the detected one, for tests. */
  readonly dotPath?: DotPath;
}

/** A lease outlasts the longest silence of a live holder: one kernel call of some milliseconds, or a shard that is slow to come. */
const LEASE_MS = 30_000;
const MAX_WAITING = 64;
/** What the slower class of CPU measured does in workerd, less a fifth: bench/README.md. */
const OPERATIONS_PER_MS = 75e6;

interface EncodedText {
  readonly tokenIds: Uint32Array;
  readonly truncated: boolean;
}

/** What one caller has in a pass. */
interface PassWork {
  readonly texts: readonly EncodedText[];
  readonly options: EmbedOptions;
  /** When its pass began. */
  startedMs?: number;
}

/** Text → embeddings; the one place where tokenizer, engine and heads meet. */
export async function createEmbedder(deps: EmbedderDeps): Promise<Embedder> {
  const {
    manifest,
    shards,
    wait,
    layers = WASM_LAYERS,
    planBytes = LIMITS.planBytes,
    operationsPerMs = OPERATIONS_PER_MS,
    streamedTokens = PASS_TOKENS,
  } = deps;
  const { architecture } = manifest;
  const maxTokens = Math.min(architecture.maxTokens, layers.maxTokens ?? architecture.maxTokens);
  const tokenizer = createTokenizer(parseVocabulary(await readWhole(shards, TOKENIZER_FILE, manifest)));
  const kernel = createCheckedKernel(deps.kernel, planBytes, deps.dotPath);
  const encoder = createEncoder({ manifest, shards, kernel, layers, planBytes, wait });
  const heads = createHeads(kernel, manifest);

  const tokenize = (texts: readonly string[], options: EmbedOptions): EncodedText[] => {
    const limit = Math.min(options.maxTokens ?? maxTokens, maxTokens);
    return texts.map((text, index) => {
      const { ids, truncated } = tokenizer.encode((options.instruction ?? '') + text, {
        maxTokens: limit,
        truncationSide: options.truncationSide ?? 'right',
      });
      if (truncated && !options.truncate) {
        const { paramOf, truncateField = 'truncate' } = options;
        const param = paramOf?.(index) ?? `texts[${index}]`;
        const fix = truncateField === null ? 'shorten it' : `shorten it or set ${truncateField}`;
        throw new ServiceError('input_too_long', `${param} has more than ${limit} tokens; ${fix}`, { param });
      }
      return { tokenIds: ids, truncated };
    });
  };

  const wholeColbert = async (encoded: EncodedPass, span: Span): Promise<Float32Array> => {
    const rows = new Float32Array((span.tokens - 1) * architecture.colbertSize);
    let offset = 0;
    for await (const block of heads.colbertBlocks(encoded, span)) {
      rows.set(block, offset);
      offset += block.length;
    }
    return rows;
  };

  const finish = async (
    encoded: EncodedPass,
    span: Span,
    text: EncodedText,
    options: EmbedOptions,
  ): Promise<Embedding> => ({
    ...text,
    ...(options.dense && { dense: heads.dense(encoded, span, options.pooling ?? 'cls', options.normalize ?? true) }),
    ...(options.sparse && { lexicalWeights: heads.sparse(encoded, span) }),
    ...(options.colbert && { colbert: await wholeColbert(encoded, span) }),
    ...(options.hiddenState && { hiddenState: heads.hiddenState(encoded, span) }),
  });

  /** One pass: the texts of every work in it side by side, each work finished as its own caller asked. */
  const runPass = async (works: readonly PassWork[], lease: Lease, onLayer: OnLayer): Promise<Embedding[][]> => {
    for (const work of works) work.startedMs = performance.now();
    const encoded = await encoder.encode(
      works.flatMap(({ texts }) => texts.map(({ tokenIds }) => tokenIds)),
      lease.renew,
      onLayer,
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
  const gathering = createGathering<PassWork, Embedding[], LayerProgress>({
    maxWaiting: MAX_WAITING,
    passCapacity: PASS_TOKENS,
    leaseMs: LEASE_MS,
    wait,
    run: runPass,
  });

  /** A long text alone in a pass that lasts until its ColBERT rows have been taken. */
  async function* embedStreamed(
    text: EncodedText,
    options: EmbedOptions,
    signal?: AbortSignal,
  ): AsyncGenerator<Embedding> {
    const hold = await gathering.hold(signal);
    try {
      const encoded = await encoder.encode([text.tokenIds], hold.renew, options.onLayer);
      const span = encoded.pass.spans[0]!;
      const embedding = await finish(encoded, span, text, { ...options, colbert: false });
      yield { ...embedding, colbertBlocks: heads.colbertBlocks(encoded, span) };
    } finally {
      hold.release();
    }
  }

  /** Everything that can be refused is refused here, before anything is read. */
  const planTexts = (texts: readonly string[], options: EmbedOptions) => {
    const encodedTexts = tokenize(texts, options);
    const tokens = encodedTexts.map(({ tokenIds }) => tokenIds.length);
    const passes = planPasses(tokens, Math.min(PASS_TOKENS, streamedTokens)).map((indices) => ({
      texts: indices.map((index) => encodedTexts[index]!),
      tokens: indices.reduce((sum, index) => sum + tokens[index]!, 0),
    }));
    for (const pass of passes) encoder.plan(pass.texts.map(({ tokenIds }) => tokenIds.length));
    const cpuMs = Math.ceil(countOperations(architecture, tokens, options.colbert ?? false) / operationsPerMs);
    return { tokens, passes, cpuMs, fits: cpuMs <= (deps.cpuMs ?? Number.POSITIVE_INFINITY) };
  };

  async function* embedEach(
    texts: readonly string[],
    options: EmbedOptions,
    signal?: AbortSignal,
  ): AsyncGenerator<Embedding> {
    const startedMs = performance.now();
    const { tokens, passes, cpuMs, fits } = planTexts(texts, options);
    options.onTimes?.({ tokenizeMs: performance.now() - startedMs });
    if (!fits) {
      throw new ServiceError(
        'budget_exceeded',
        `these texts would take about ${cpuMs} ms of CPU, a request may take ${deps.cpuMs}; send fewer or shorter ones`,
      );
    }
    const bytes = answerBytes(architecture, tokens, options);
    if (bytes > (options.answerBytes ?? Number.POSITIVE_INFINITY)) {
      throw new ServiceError(
        'budget_exceeded',
        `the vectors of these texts take ${bytes} bytes, more than ${options.answerBytes}; send fewer texts, or to /encode with accept: application/x-ndjson`,
      );
    }
    for (const pass of passes) {
      if (options.colbert && options.streamColbert && pass.tokens > streamedTokens) {
        yield* embedStreamed(pass.texts[0]!, options, signal);
      } else {
        const work: PassWork = { texts: pass.texts, options };
        const submittedMs = performance.now();
        const embeddings = await gathering.submit(work, pass.tokens, { signal, onProgress: options.onLayer });
        const beganMs = work.startedMs ?? submittedMs;
        options.onTimes?.({ queueMs: beganMs - submittedMs, inferenceMs: performance.now() - beganMs });
        yield* embeddings;
      }
    }
  }

  return {
    manifest,
    fingerprint: await fingerprintOf(manifest),
    tokenizer,
    engine: layers.engine,
    dotPath: kernel.dotPath,
    maxTokens,
    waitingCount: gathering.waitingCount,
    estimate(texts, options) {
      const { tokens, passes, cpuMs, fits } = planTexts(texts, options);
      return { tokens, passes: passes.length, cpuMs, fits };
    },
    embedEach,
    maxSim: createMaxSim(kernel, encoder.plan([1]).maxSim, architecture.colbertSize),
    async embed(texts, options, signal) {
      const embeddings: Embedding[] = [];
      for await (const embedding of embedEach(texts, options, signal)) embeddings.push(embedding);
      return embeddings;
    },
  };
}

/** Bytes of all float32 vectors of the answer. */
function answerBytes(
  { hiddenSize, colbertSize }: Architecture,
  tokens: readonly number[],
  options: EmbedOptions,
): number {
  const { dense, colbert, hiddenState } = options;
  return tokens.reduce(
    (bytes, count) =>
      bytes +
      4 *
        ((dense ? hiddenSize : 0) + (colbert ? (count - 1) * colbertSize : 0) + (hiddenState ? count * hiddenSize : 0)),
    0,
  );
}

async function readWhole(shards: ShardSource, name: string, manifest: Manifest): Promise<Uint8Array> {
  const bytes = new Uint8Array(manifest.files[name]!.bytes);
  await shards.readInto(name, (chunk, offset) => bytes.set(chunk, offset));
  return bytes;
}
