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
import type { tokenize as tokenizeOperation } from '../routes/tei-schema.ts';
import { batches, inBatch } from './batches.ts';
import { M3edgeError } from './errors.ts';
import { parseError, type SendOptions, send } from './send.ts';
import { type Embedded, fromWire, toWire, type WireEmbedding } from './vectors.ts';

export interface ClientOptions extends SendOptions {
  /** Texts in one request; default 64. More are sent one request after another: an isolate computes one at a time. */
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

export type RerankFields = Omit<InferInput<typeof RerankRequestV1>, 'documents'> & {
  /** Texts, or what `encode` gave for them, with the outputs that `mode` needs. */
  readonly documents: readonly (string | Embedded)[];
};

export interface Ranked {
  /** In `documents`. */
  readonly index: number;
  readonly score: number;
}

/** A Worker, or another one like it. Every call may be given up by its signal, and is sent again where it was refused for now. */
export interface Client {
  /** Embeddings in the order of the texts. @throws M3edgeError, also where the model changed between two requests. */
  encode(texts: readonly string[], options?: EncodeOptions): Promise<Embedded[]>;
  /** The same one by one, each as soon as it is ready; for ColBERT rows of long texts the only way. */
  encodeEach(texts: readonly string[], options?: EncodeOptions): AsyncGenerator<Embedded>;
  /** FlagEmbedding's five scores. */
  score(request: ScoreFields, options?: CallOptions): Promise<InferOutput<typeof ScoreAnswer>>;
  /** Best first. */
  rerank(request: RerankFields, options?: CallOptions): Promise<Ranked[]>;
  tokenize(texts: readonly string[], options?: CallOptions): Promise<InferOutput<typeof tokenizeOperation.answer>>;
  estimate(texts: readonly string[], options?: EstimateOptions): Promise<InferOutput<typeof EstimateAnswer>>;
  info(options?: CallOptions): Promise<InferOutput<typeof Info>>;
}

/**
 * @example
 * const m3 = createClient({ baseUrl: 'https://m3edge.example.com', apiKey });
 * const [query] = await m3.encode(['What is BGE M3?'], { return_sparse: true });
 */
export function createClient(options: ClientOptions): Client {
  const ask = async <Answer>(path: string, body: unknown, signal: AbortSignal | undefined): Promise<Answer> =>
    (await send(options, path, { body, signal })).json();

  async function* encodeEach(texts: readonly string[], { signal, ...fields }: EncodeOptions = {}) {
    let fingerprint: string | undefined;
    for (const batch of batches(texts, options.batchTexts)) {
      const body = { ...fields, texts: batch.texts, encoding_format: 'base64' };
      const response = await inBatch(batch, () =>
        send(options, '/encode', { body, accept: 'application/x-ndjson', signal }),
      );
      const answered = response.headers.get('x-embedding-fingerprint') ?? '';
      fingerprint ??= answered;
      if (answered !== fingerprint) {
        await response.body?.cancel();
        throw new M3edgeError(409, 'fingerprint_mismatch', 'the model was exchanged meanwhile; encode all texts again');
      }
      let received = 0;
      for await (const line of lines(response)) {
        const wire = JSON.parse(line) as WireEmbedding | { error: unknown };
        if ('error' in wire) {
          const failure = parseError(500, line, response.headers.get('x-request-id') ?? undefined);
          await inBatch(batch, () => Promise.reject(failure));
        } else {
          received++;
          yield fromWire(wire, fingerprint);
        }
      }
      if (received < batch.texts.length) {
        throw new M3edgeError(0, 'connection', `the answer ended after ${received} of ${batch.texts.length} texts`);
      }
    }
  }

  return {
    encodeEach,
    async encode(texts, encodeOptions) {
      const embedded: Embedded[] = [];
      for await (const one of encodeEach(texts, encodeOptions)) embedded.push(one);
      return embedded;
    },
    score: ({ passages, ...fields }, { signal } = {}) =>
      ask('/score', { ...fields, ...(passages && { passages: passages.map(asPassage) }) }, signal),
    async rerank({ documents, ...fields }, { signal } = {}) {
      const body = { ...fields, documents: documents.map(asPassage) };
      const { results } = await ask<InferOutput<typeof RanksV1>>('/v1/rerank', body, signal);
      return results.map(({ index, relevance_score: score }) => ({ index, score }));
    },
    tokenize: (inputs, { signal } = {}) => ask('/tokenize', { inputs }, signal),
    estimate: (texts, { signal, ...fields } = {}) => ask('/estimate', { ...fields, texts }, signal),
    info: ({ signal } = {}) => ask('/info', undefined, signal),
  };
}

const asPassage = (passage: string | Embedded) => (typeof passage === 'string' ? passage : toWire(passage));

async function* lines(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = response.body!.getReader();
  let text = '';
  try {
    while (true) {
      const { done, value } = await reader.read();
      text += decoder.decode(value, { stream: !done });
      const complete = text.split('\n');
      text = complete.pop()!;
      yield* complete;
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => {}); // where the caller has stopped, the engine is given back
  }
}

export { type Embedded, M3edgeError };
