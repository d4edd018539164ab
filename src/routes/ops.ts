import { Hono } from 'hono';
import packageJson from '../../package.json' with { type: 'json' };
import type { Embedder } from '../embedder.ts';
import { LIMITS } from '../limits.ts';
import type { AppEnv, RouteDeps } from './deps.ts';

/** What operators and clients ask before they send a text. */
export function opsRoutes({ getEmbedder }: RouteDeps) {
  const routes = new Hono<AppEnv>();
  routes.on('GET', ['/', '/health'], async (c) => {
    await getEmbedder();
    return c.body(null, 200);
  });
  routes.get('/info', async (c) => {
    const embedder = await getEmbedder();
    c.header('x-embedding-fingerprint', embedder.fingerprint);
    return c.json(describe(embedder));
  });
  return routes;
}

/** TEI's keys in TEI's order, then ours. */
function describe({ manifest, fingerprint, engine, dotPath, maxTokens }: Embedder) {
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
    auto_truncate: false,
    tokenization_workers: 1,
    version: packageJson.version,
    sha: null,
    docker_label: null,

    fingerprint,
    licence: model.licence,
    quantisation: { preset, layers: manifest.layers },
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
      answer_bytes: LIMITS.answerBytes,
    },
  };
}
