import * as v from 'valibot';
import { NativeError } from './native-schema.ts';
import type { Operation } from './operation.ts';
import { described } from './schema-parts.ts';

const nullable = v.nullable(v.string());
const Spread = v.strictObject({ mean: v.number(), worst: v.number() });

/** TEI's keys in TEI's order, then ours. */
export const Info = v.strictObject({
  model_id: v.string(),
  model_sha: nullable,
  model_dtype: v.string(),
  served_model_name: v.string(),
  model_type: v.strictObject({ embedding: v.strictObject({ pooling: v.string() }) }),
  max_concurrent_requests: v.number(),
  max_input_length: v.number(),
  max_batch_tokens: v.number(),
  max_batch_requests: v.null(),
  max_client_batch_size: v.number(),
  auto_truncate: described(v.boolean(), 'Of the TEI routes; the native ones refuse what is too long'),
  tokenization_workers: v.number(),
  version: v.string(),
  sha: nullable,
  docker_label: nullable,
  fingerprint: v.string(),
  licence: v.string(),
  demo: described(v.boolean(), 'Whether the model only shows how to ask: it knows words and not meaning'),
  notice: described(v.nullable(v.string()), 'Of the demo model: what it cannot do, and the command for the real one'),
  quantisation: v.strictObject({ preset: v.string(), layers: v.array(v.record(v.string(), v.unknown())) }),
  fidelity: described(
    v.nullable(
      v.strictObject({
        texts: v.number(),
        tokens: v.number(),
        dense: Spread,
        colbert: Spread,
        sparse: v.strictObject({ overlap: v.number(), weight_error: v.number() }),
      }),
    ),
    'What quantisation did against float32, as `m3edge model fidelity` has measured it: 1 - cosine of dense vectors and ColBERT rows, lexical ids shared, and the error in the sum of their weights. Null where it was not measured',
  ),
  dimensions: v.strictObject({ dense: v.number(), colbert: v.number(), sparse: v.number() }),
  engine: v.strictObject({ name: v.string(), dot: v.string() }),
  limits: v.record(v.string(), v.number()),
});

const operations = { method: 'get', tag: 'operations', errors: NativeError } as const;

export const health = {
  ...operations,
  paths: ['/health', '/', '/ping'],
  summary: 'Whether the model can be served',
  answer: null,
} as const satisfies Operation;

export const info = {
  ...operations,
  paths: ['/info'],
  summary: 'What is served, and its limits',
  role: 'read',
  answer: Info,
} as const satisfies Operation;

export const metrics = {
  ...operations,
  paths: ['/metrics'],
  summary: 'Counts and times of the isolate that answers, for Prometheus',
  answer: { mediaType: 'text/plain' },
} as const satisfies Operation;
