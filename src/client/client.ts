import type { InferInput, InferOutput } from 'valibot';
import type {
  EncodeRequest,
  EstimateAnswer,
  EstimateRequest,
  ScoreAnswer,
  ScoreRequest,
} from '../routes/native-schema.ts';
import type { Info } from '../routes/ops-schema.ts';
import type { RanksV1, RerankRequestV1 } from '../routes/rerank-schema.ts';
import type { search as searchOperation } from '../routes/search-schema.ts';
import type { tokenize as tokenizeOperation } from '../routes/tei-schema.ts';
import { batches, bodyWith, inCallersList, roomBeside } from './batches.ts';
import { encodeEach } from './encode.ts';
import { M3edgeError } from './errors.ts';
import { type SendOptions, send } from './send.ts';
import { type Embedded, toWire } from './vectors.ts';

export interface ClientOptions extends SendOptions {
  /** Texts in one request; default 64, at most 256. More are sent one request after another: an isolate computes one at a time. */
  readonly batchTexts?: number | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

type EncodeFields = InferInput<typeof EncodeRequest>;

/** What /encode takes, but for what the client decides: how vectors travel. */
export type EncodeOptions = Omit<EncodeFields, 'texts' | 'encoding_format' | 'sparse_format' | 'format' | 'ids'> &
  CallOptions;

export type EstimateOptions = Omit<InferInput<typeof EstimateRequest>, 'texts'> & CallOptions;

export type ScoreFields = Omit<InferInput<typeof ScoreRequest>, 'passages'> & {
  /** Texts, or what `encode` gave for them, with all three outputs. */
  readonly passages?: readonly (string | Embedded)[];
};

export type RerankFields = Omit<InferInput<typeof RerankRequestV1>, 'documents' | 'return_documents'> & {
  /** Texts, or what `encode` gave for them, with the outputs that `mode` needs. */
  readonly documents: readonly (string | Embedded)[];
};

export interface Ranked {
  /** In `documents`. */
  readonly index: number;
  readonly score: number;
}

export type SearchFields = InferInput<typeof searchOperation.request>;
/** Stored documents, best first, and how they were found. */
export type SearchResults = InferOutput<typeof searchOperation.answer>;

export type Scores = InferOutput<typeof ScoreAnswer>;
export type Estimate = InferOutput<typeof EstimateAnswer>;
export type ServiceInfo = InferOutput<typeof Info>;
/** A token with the bytes of UTF-8 that it stands for. */
export type Token = InferOutput<typeof tokenizeOperation.answer>[number][number];

/**
 * A Worker. Lists of any length are sent in requests as large as it takes; each is sent again where it was refused for now; every call may be
 * given up by its signal.
 */
export interface Client {
  /** Embeddings in the order of the texts. @throws M3edgeError, also where the model changed between two requests. */
  encode(texts: readonly string[], options?: EncodeOptions): Promise<Embedded[]>;
  /** The same one by one, each as soon as it is ready; for ColBERT rows of long texts the only way. */
  encodeEach(texts: readonly string[], options?: EncodeOptions): AsyncGenerator<Embedded>;
  /** FlagEmbedding's five scores. */
  score(request: ScoreFields, options?: CallOptions): Promise<Scores>;
  /** Best first. */
  rerank(request: RerankFields, options?: CallOptions): Promise<Ranked[]>;
  /** The stored documents that answer a query best: docs/search.md. */
  search(request: SearchFields, options?: CallOptions): Promise<SearchResults>;
  tokenize(texts: readonly string[], options?: CallOptions): Promise<Token[][]>;
  /** What `encode` would take; `fits` where each of its requests does. */
  estimate(texts: readonly string[], options?: EstimateOptions): Promise<Estimate>;
  info(options?: CallOptions): Promise<ServiceInfo>;
}

const DEFAULT_TEXTS = 64;
const MAX_PAIRS = 256;
const MAX_DOCUMENTS = 1000;
const BODY_BYTES = 2 * 1024 * 1024;
/** Where stored vectors may be sent. */
const VECTOR_BODY_BYTES = 8 * 1024 * 1024;

/**
 * @example
 * const m3 = createClient({ baseUrl: 'https://m3edge.example.com', apiKey });
 * const [query] = await m3.encode(['What is BGE M3?'], { return_sparse: true });
 */
export function createClient(options: ClientOptions): Client {
  const { batchTexts = DEFAULT_TEXTS } = options;

  /** The answers of as many requests as the list needs. */
  async function askAll<Answer>(
    path: string,
    fields: object,
    [name, items]: readonly [string, readonly unknown[]],
    { items: maxItems, bodyBytes }: { readonly items: number; readonly bodyBytes: number },
    signal: AbortSignal | undefined,
  ): Promise<{ readonly first: number; readonly answer: Answer }[]> {
    const answers = [];
    const room = { items: maxItems, bytes: roomBeside(fields, name, bodyBytes) };
    for (const batch of batches(items, room)) {
      const body = bodyWith(fields, name, batch.items);
      const response = await send(options, path, { body, signal }).catch((error) => {
        throw inCallersList(error, name, batch.first);
      });
      answers.push({ first: batch.first, answer: (await response.json()) as Answer });
    }
    return answers;
  }
  const ofTexts = { items: batchTexts, bodyBytes: BODY_BYTES };

  async function* each(texts: readonly string[], { signal, ...wanted }: EncodeOptions = {}) {
    const fields = { ...wanted, encoding_format: 'base64' };
    const room = { items: batchTexts, bytes: roomBeside(fields, 'texts', BODY_BYTES) };
    yield* encodeEach(options, texts, fields, room, signal);
  }

  return {
    encodeEach: each,
    async encode(texts, encodeOptions) {
      const embedded: Embedded[] = [];
      for await (const one of each(texts, encodeOptions)) embedded.push(one);
      return embedded;
    },
    async score({ passages, sentence_pairs, ...fields }, { signal } = {}) {
      const list = sentence_pairs
        ? (['sentence_pairs', sentence_pairs] as const)
        : (['passages', (passages ?? []).map(asPassage)] as const);
      const others = sentence_pairs && passages ? { ...fields, passages: passages.map(asPassage) } : fields;
      const room = { items: MAX_PAIRS, bodyBytes: VECTOR_BODY_BYTES };
      const answers = await askAll<Scores>('/score', others, list, room, signal);
      return answers.map(({ answer }) => answer).reduce(joinScores);
    },
    async rerank({ documents, ...fields }, { signal } = {}) {
      const room = { items: MAX_DOCUMENTS, bodyBytes: VECTOR_BODY_BYTES };
      const list = ['documents', documents.map(asPassage)] as const;
      const answers = await askAll<InferOutput<typeof RanksV1>>('/v1/rerank', fields, list, room, signal);
      return answers
        .flatMap(({ first, answer: { results } }) =>
          results.map(({ index, relevance_score: score }) => ({ index: first + index, score })),
        )
        .sort((a, b) => b.score - a.score || a.index - b.index)
        .slice(0, fields.top_n);
    },
    search: async (request, { signal } = {}) =>
      (await send(options, '/search', { body: JSON.stringify(request), signal })).json(),
    async tokenize(texts, { signal } = {}) {
      const answers = await askAll<Token[][]>('/tokenize', {}, ['inputs', texts], ofTexts, signal);
      return answers.flatMap(({ answer }) => answer);
    },
    async estimate(texts, { signal, ...fields } = {}) {
      const answers = await askAll<Estimate>('/estimate', fields, ['texts', texts], ofTexts, signal);
      return answers.map(({ answer }) => answer).reduce(joinEstimates);
    },
    info: async ({ signal } = {}) => (await send(options, '/info', { signal })).json(),
  };
}

const asPassage = (passage: string | Embedded) => (typeof passage === 'string' ? passage : toWire(passage));

function joinScores(a: Scores, b: Scores): Scores {
  if (a.fingerprint !== b.fingerprint) {
    throw new M3edgeError(409, 'fingerprint_mismatch', 'the model was exchanged meanwhile; score all passages again');
  }
  return {
    ...a,
    dense: [...a.dense, ...b.dense],
    sparse: [...a.sparse, ...b.sparse],
    colbert: [...a.colbert, ...b.colbert],
    'sparse+dense': [...a['sparse+dense'], ...b['sparse+dense']],
    'colbert+sparse+dense': [...a['colbert+sparse+dense'], ...b['colbert+sparse+dense']],
    usage: {
      tokens: [...a.usage.tokens, ...b.usage.tokens],
      truncated: [...a.usage.truncated, ...b.usage.truncated],
    },
  };
}

const joinEstimates = (a: Estimate, b: Estimate): Estimate => ({
  tokens: [...a.tokens, ...b.tokens],
  passes: a.passes + b.passes,
  cpu_ms: a.cpu_ms + b.cpu_ms,
  fits: a.fits && b.fits,
});

export { type Embedded, M3edgeError };
