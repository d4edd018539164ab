import type { Embedder, Embedding, EmbedOptions } from '../../src/embedder.ts';
import { ServiceError } from '../../src/errors.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import { maxSim } from '../../src/scoring/scoring.ts';

export const HIDDEN = 64;
export const COLBERT = 32;
export const MAX_TOKENS = 512;
export const FINGERPRINT = '0123456789abcdef';

const weights = { qkv: 'u7', attentionOutput: 'u7', intermediate: 'u7', output: 'u7' } as const;
const MANIFEST: Manifest = {
  format: 'm3edge/1',
  model: { name: 'fake', upstream: 'nobody/fake', revision: null, licence: 'MIT' },
  preset: 'q8',
  architecture: {
    vocabularySize: 1000,
    hiddenSize: HIDDEN,
    intermediateSize: 128,
    layerCount: 2,
    headCount: 4,
    positionCount: MAX_TOKENS + 2,
    positionOffset: 2,
    maxTokens: MAX_TOKENS,
    layerNormEpsilon: 1e-5,
    colbertSize: COLBERT,
  },
  tokenizer: { bos: 0, pad: 1, eos: 2, unknown: 3 },
  wordTable: { pageRows: 64, type: 'i8' },
  positionTable: { pageRows: 64, type: 'i16' },
  layers: [weights, weights],
  files: {},
};

export interface FakeOptions {
  /** Called before text `index` of a request is embedded; may throw. */
  readonly beforeText?: (index: number, signal?: AbortSignal) => void | Promise<void>;
  /** For routes that print tokens or take ids; the embeddings follow from the characters all the same. */
  readonly tokenizer?: Embedder['tokenizer'];
}

/** An embedder without a model: a token a character, numbers that follow from the characters. It lets the routes be tested alone. */
export function fakeEmbedder({
  beforeText,
  tokenizer,
}: FakeOptions = {}): Embedder & { readonly calls: EmbedOptions[] } {
  const calls: EmbedOptions[] = [];
  const limitOf = ({ maxTokens = MAX_TOKENS }: EmbedOptions) => Math.min(maxTokens, MAX_TOKENS);
  const refuse = (texts: readonly string[], options: EmbedOptions) => {
    const limit = limitOf(options);
    texts.forEach((text, index) => {
      if (text.length + 2 > limit && !options.truncate) {
        const param = options.paramOf?.(index) ?? `texts[${index}]`;
        throw new ServiceError('input_too_long', `${param} has more than ${limit} tokens`, { param });
      }
    });
  };
  async function* embedEach(texts: readonly string[], options: EmbedOptions, signal?: AbortSignal) {
    calls.push(options);
    refuse(texts, options);
    for (const [index, text] of texts.entries()) {
      await beforeText?.(index, signal);
      yield embedText(text, limitOf(options), options);
    }
  }
  return {
    manifest: MANIFEST,
    fingerprint: FINGERPRINT,
    tokenizer: tokenizer ?? ({} as Embedder['tokenizer']), // most routes do not look at it
    engine: 'wasm',
    dotPath: 'plain',
    maxTokens: MAX_TOKENS,
    calls,
    waitingCount: () => 0,
    estimate(texts, options) {
      refuse(texts, options);
      return { tokens: texts.map((text) => text.length + 2), passes: 1, cpuMs: 1, fits: true };
    },
    embedEach,
    maxSim: (query, passage) => maxSim(query, passage, COLBERT),
    async embed(texts, options, signal) {
      const embeddings: Embedding[] = [];
      for await (const embedding of embedEach(texts, options, signal)) embeddings.push(embedding);
      return embeddings;
    },
  };
}

function embedText(text: string, limit: number, options: EmbedOptions): Embedding {
  const inner = [...text].slice(0, limit - 2).map((character) => 4 + (character.codePointAt(0)! % 900));
  const tokenIds = Uint32Array.of(0, ...inner, 2);
  const row = (seed: number, width: number) => unit(Float32Array.from({ length: width }, (_, i) => Math.sin(seed + i)));
  return {
    tokenIds,
    truncated: text.length + 2 > limit,
    ...(options.dense && {
      dense: row(
        tokenIds.reduce((sum, id) => sum + id, 0),
        HIDDEN,
      ),
    }),
    ...(options.sparse && {
      lexicalWeights: new Map([...new Set(inner)].sort((a, b) => a - b).map((id) => [id, Math.fround(1 / id)])),
    }),
    ...(options.colbert && {
      colbert: Float32Array.from([...tokenIds].slice(1).flatMap((id) => [...row(id, COLBERT)])),
    }),
    ...(options.hiddenState && {
      hiddenState: Float32Array.from([...tokenIds].flatMap((id) => [...row(id, HIDDEN)])),
    }),
  };
}

function unit(vector: Float32Array): Float32Array {
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}
