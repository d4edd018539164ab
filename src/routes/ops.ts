import { Hono } from 'hono';
import type { InferOutput } from 'valibot';
import packageJson from '../../package.json' with { type: 'json' };
import type { Embedder } from '../embedder.ts';
import { LIMITS } from '../limits.ts';
import type { AppEnv, RouteDeps } from './deps.ts';
import { errorHandler, nativeError } from './error-response.ts';
import type { Metrics } from './metrics.ts';
import { serve } from './operation.ts';
import { health, type Info, info, metrics } from './ops-schema.ts';

/** What the constructed model can and cannot do, and how to have the trained one. */
const DEMO_NOTICE = 'knows words, not meaning; for the real model: npx m3edge model pull';

/** What operators and clients ask before they send a text. */
export function opsRoutes({ getEmbedder, access, log }: RouteDeps, counted: Metrics) {
  const routes = new Hono<AppEnv>();
  routes.onError(errorHandler(log, nativeError));

  serve(routes, health, access, async (c) => {
    await getEmbedder();
    return c.body(null, 200);
  });

  serve(routes, info, access, async (c) => {
    const embedder = await getEmbedder();
    c.header('x-embedding-fingerprint', embedder.fingerprint);
    return c.json(describe(embedder));
  });

  serve(routes, metrics, access, async (c) => {
    const { manifest, fingerprint, engine, waitingCount } = await getEmbedder();
    const labels = { model: manifest.model.name, fingerprint, engine, version: packageJson.version };
    return c.text(counted.render(labels, waitingCount()), 200, {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    });
  });
  return routes;
}

/** TEI's keys in TEI's order, then ours. */
function describe({ manifest, fingerprint, engine, dotPath, maxTokens }: Embedder): InferOutput<typeof Info> {
  const { model, architecture, preset } = manifest;
  return {
    model_id: model.upstream,
    model_sha: model.revision,
    model_dtype: preset,
    served_model_name: model.name,
    model_type: { embedding: { pooling: 'cls' } },
    max_concurrent_requests: 1,
    max_input_length: maxTokens,
    max_batch_tokens: LIMITS.maxTexts * maxTokens,
    max_batch_requests: null,
    max_client_batch_size: LIMITS.maxTexts,
    auto_truncate: true,
    tokenization_workers: 1,
    version: packageJson.version,
    sha: null,
    docker_label: null,

    fingerprint,
    licence: model.licence,
    demo: model.demo ?? false,
    notice: model.demo ? DEMO_NOTICE : null,
    quantisation: { preset, layers: manifest.layers.map((layer) => ({ ...layer })) },
    fidelity: describeFidelity(manifest),
    dimensions: {
      dense: architecture.hiddenSize,
      colbert: architecture.colbertSize,
      sparse: architecture.vocabularySize,
    },
    engine: { name: engine, dot: dotPath },
    limits: {
      texts: LIMITS.maxTexts,
      pairs: LIMITS.maxPairs,
      tokens_per_text: maxTokens,
      body_bytes: LIMITS.bodyBytes,
      vector_body_bytes: LIMITS.vectorBodyBytes,
      answer_bytes: LIMITS.answerBytes,
    },
  };
}

function describeFidelity({ fidelity }: Embedder['manifest']): InferOutput<typeof Info>['fidelity'] {
  if (fidelity === undefined) return null;
  const { texts, tokens, denseMean, denseWorst, colbertMean, colbertWorst, sparseOverlap, sparseError } = fidelity;
  return {
    texts,
    tokens,
    dense: { mean: denseMean, worst: denseWorst },
    colbert: { mean: colbertMean, worst: colbertWorst },
    sparse: { overlap: sparseOverlap, weight_error: sparseError },
  };
}
