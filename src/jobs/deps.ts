import type { Database } from '../documents/database.ts';
import type { HintQueue } from '../documents/hints.ts';
import type { VectorSink } from '../documents/sinks/sink.ts';
import type { Embedder } from '../embedder.ts';

/** What the jobs are given. */
export interface JobDeps {
  readonly database: Database;
  /** Absent: each run of the plan embeds by itself. */
  readonly queue?: HintQueue | undefined;
  /** @throws ServiceError where the model cannot be loaded. */
  readonly getEmbedder: () => Promise<Embedder>;
  /** Stores beside D1. */
  readonly sinks: readonly VectorSink[];
  /** A message or a consumer of which nothing was heard for so long is taken for lost. */
  readonly leaseSeconds: number;
  /** CPU time of one call, in milliseconds. */
  readonly cpuMs: number;
  readonly keepColbert: boolean;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}
