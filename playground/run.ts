import type { Client } from '../src/client/client.ts';
import { M3edgeError } from '../src/client/errors.ts';
import type { SendOptions } from '../src/client/send.ts';
import type { Embedded } from '../src/client/vectors.ts';
import { type LayerEvent, watchEncode } from './encode-events.ts';
import { encodeRequest, type Settings } from './settings.ts';
import type { Token } from './tokens.ts';

/** One request of the page, as far as it has come. */
export interface Run {
  /** `waiting` for somebody to ask for what costs more; `stopped` by somebody. */
  readonly state: 'asking' | 'waiting' | 'running' | 'done' | 'failed' | 'stopped';
  readonly settings: Settings;
  readonly estimate?: Estimate;
  /** Of each text, also those that were cut off. */
  readonly tokens?: readonly (readonly Token[])[];
  readonly layers: readonly TimedLayer[];
  readonly embedded: readonly Embedded[];
  readonly elapsedMs: number;
  readonly error?: M3edgeError;
}

export type Estimate = Awaited<ReturnType<Client['estimate']>>;

export interface TimedLayer extends LayerEvent {
  /** Counted from 0. */
  readonly pass: number;
  /** Since the request was sent, by this browser's clock. */
  readonly atMs: number;
}

/** CPU time that a page may ask for by itself, when it is opened. */
const UNASKED_CPU_MS = 2000;

/**
 * Asks what it will take, then for tokens and embeddings at once; tells of every step.
 *
 * @param isAsked Whether a person has asked: otherwise it stops, `waiting`, before what would cost more than a little.
 */
export async function startRun(
  client: Client,
  options: SendOptions,
  settings: Settings,
  isAsked: boolean,
  onChange: (run: Run) => void,
  signal: AbortSignal,
): Promise<void> {
  let run: Run = { state: 'asking', settings, layers: [], embedded: [], elapsedMs: 0 };
  const change = (step: Partial<Run>) => {
    if (signal.aborted) return;
    run = { ...run, ...step };
    onChange(run);
  };
  change({});
  const { texts, max_length, truncate, ...outputs } = encodeRequest(settings);
  try {
    const estimate = await client.estimate(texts, { ...outputs, max_length, truncate, signal });
    if (!isAsked && estimate.cpu_ms > UNASKED_CPU_MS) {
      change({ state: 'waiting', estimate });
      return;
    }
    const startedMs = performance.now();
    const elapsed = () => performance.now() - startedMs;
    change({ state: 'running', estimate });
    let pass = -1;
    const watched = watchEncode(
      options,
      { texts, max_length, truncate, ...outputs },
      {
        onLayer(layer) {
          if (layer.layer === 0) pass++;
          const timed = { ...layer, pass: Math.max(pass, 0), atMs: elapsed() };
          change({ layers: [...run.layers, timed], elapsedMs: elapsed() });
        },
        onEmbedding: (embedded) => change({ embedded: [...run.embedded, embedded], elapsedMs: elapsed() }),
      },
      signal,
    );
    const [tokens] = await Promise.all([client.tokenize(texts, { signal }), watched.then(() => elapsed())]);
    change({ state: 'done', tokens });
  } catch (error) {
    if (signal.aborted) return;
    change({ state: 'failed', error: asM3edgeError(error) });
  }
}

export const asM3edgeError = (error: unknown): M3edgeError =>
  error instanceof M3edgeError ? error : new M3edgeError(0, 'page', String(error), { cause: error });
