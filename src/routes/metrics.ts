import type { ErrorCode } from '../errors.ts';
import type { Meter } from '../metered-embedder.ts';

/** What this isolate has done, in the text format of Prometheus under TEI's names. Other isolates have counts of their own. */
export interface Metrics {
  /** A text is embedded. */
  recordText(tokens: number): void;
  /**
   * A request is answered, or its answer begins.
   *
   * @param failure Why not: an error, or its caller has left.
   */
  record(meter: Meter, totalMs: number, failure: ErrorCode | 'dropped' | undefined): void;
  /** @param queueSize Requests that wait now. */
  render(info: Readonly<Record<string, string>>, queueSize: number): string;
}

/** TEI's: 35 durations from 15 µs on, each half as long again, in seconds. */
const DURATIONS = Array.from({ length: 35 }, (_, i) => 1.5e-5 * 1.5 ** i);
/** Tokens of a text. */
const LENGTHS = [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];

/** TEI's label of each failure. */
const FAILURES = {
  bad_request: 'validation',
  unauthorized: 'unauthorized',
  forbidden: 'unauthorized',
  not_found: 'validation',
  fingerprint_mismatch: 'validation',
  body_too_large: 'validation',
  unsupported_media_type: 'validation',
  empty_input: 'validation',
  input_too_long: 'validation',
  batch_too_large: 'batch_size',
  budget_exceeded: 'validation',
  overloaded: 'overloaded',
  rate_limited: 'overloaded',
  engine_numeric: 'inference',
  internal: 'inference',
  model_shard_missing: 'inference',
  model_shard_corrupt: 'inference',
  model_unavailable: 'inference',
  store_unavailable: 'inference',
  dropped: 'dropped',
} as const satisfies Record<ErrorCode | 'dropped', string>;

export function createMetrics(): Metrics {
  const requests = { single: 0, batch: 0 };
  const successes = { single: 0, batch: 0 };
  const failures = new Map<string, number>();
  const sums = { texts: 0, textsDone: 0, tokens: 0, cachedTexts: 0 };
  const total = createHistogram(DURATIONS);
  const tokenize = createHistogram(DURATIONS);
  const queue = createHistogram(DURATIONS);
  const inference = createHistogram(DURATIONS);
  const lengths = createHistogram(LENGTHS);

  return {
    recordText(tokens) {
      sums.textsDone++;
      sums.tokens += tokens;
      lengths.observe(tokens);
    },

    record(meter, totalMs, failure) {
      if (failure !== undefined) failures.set(FAILURES[failure], (failures.get(FAILURES[failure]) ?? 0) + 1);
      if (meter.texts === 0) return;
      const method = meter.texts === 1 ? 'single' : 'batch';
      requests[method]++;
      sums.texts += meter.texts;
      sums.cachedTexts += meter.cachedTexts;
      if (failure !== undefined) return;
      successes[method]++;
      total.observe(totalMs / 1000);
      tokenize.observe(meter.tokenizeMs / 1000);
      queue.observe(meter.queueMs / 1000);
      inference.observe(meter.inferenceMs / 1000);
    },

    render(info, queueSize) {
      const labels = Object.entries(info).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
      return [
        ...metric('m3edge_info', 'gauge', 'What this isolate serves; its counts are its own', [`{${labels}} 1`]),
        ...metric('te_request_count', 'counter', 'Requests with texts', byMethod(requests)),
        ...metric('te_request_success', 'counter', 'Requests answered', byMethod(successes)),
        ...metric(
          'te_request_failure',
          'counter',
          'Requests refused or failed',
          [...failures].map(([name, count]) => `{err="${name}"} ${count}`),
        ),
        ...metric('te_embed_count', 'counter', 'Texts', [` ${sums.texts}`]),
        ...metric('te_embed_success', 'counter', 'Texts embedded', [` ${sums.textsDone}`]),
        ...metric('te_queue_size', 'gauge', 'Requests that wait for the engine', [` ${queueSize}`]),
        ...metric('m3edge_tokens', 'counter', 'Tokens of the texts embedded', [` ${sums.tokens}`]),
        ...metric('m3edge_cached_texts', 'counter', 'Texts found in the answer cache', [` ${sums.cachedTexts}`]),
        ...total.render('te_request_duration', 'Seconds a request'),
        ...tokenize.render('te_request_tokenization_duration', 'Seconds of tokenising'),
        ...queue.render('te_request_queue_duration', 'Seconds until the first layer'),
        ...inference.render('te_request_inference_duration', 'Seconds of computing'),
        ...lengths.render('te_request_input_length', 'Tokens a text'),
        '',
      ].join('\n');
    },
  };
}

function createHistogram(bounds: readonly number[]) {
  const counts = new Array<number>(bounds.length + 1).fill(0);
  let sum = 0;
  return {
    observe(value: number): void {
      const bucket = bounds.findIndex((bound) => value <= bound);
      counts[bucket < 0 ? bounds.length : bucket]!++;
      sum += value;
    },
    render(name: string, help: string): string[] {
      let below = 0;
      const buckets = [...bounds, '+Inf'].map((bound, i) => {
        below += counts[i]!;
        return `_bucket{le="${typeof bound === 'number' ? Number(bound.toPrecision(6)) : bound}"} ${below}`;
      });
      return metric(name, 'histogram', help, [...buckets, `_sum ${sum}`, `_count ${below}`]);
    },
  };
}

const metric = (name: string, type: string, help: string, samples: readonly string[]): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
  ...samples.map((sample) => `${name}${sample}`),
];

const byMethod = (counts: Readonly<Record<string, number>>): string[] =>
  Object.entries(counts).map(([method, count]) => `{method="${method}"} ${count}`);

const escapeLabel = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
