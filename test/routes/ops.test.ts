import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ServiceError } from '../../src/errors.ts';
import { appUnderTest } from '../support/call-app.ts';
import { FINGERPRINT } from '../support/fake-embedder.ts';
import { openModel } from '../support/models.ts';

const DEMO = fileURLToPath(new URL('../../model-shards/demo', import.meta.url));

describe('GET /health', () => {
  it.each(['/health', '/'])('%s is 200 and empty while the model can be served', async (path) => {
    const { status, text } = await appUnderTest().send(path);
    expect({ status, text }).toEqual({ status: 200, text: '' });
  });

  it('is 503 with the error while it cannot, and recovers', async () => {
    let mended = false;
    const { send } = appUnderTest(async () => {
      if (!mended) throw new ServiceError('model_shard_missing', 'no shard manifest.json');
      return {} as never;
    });
    const { status, json } = await send('/health');
    expect(status).toBe(503);
    expect(json.error.code).toBe('model_shard_missing');
    mended = true;
    expect((await send('/health')).status).toBe(200);
  });
});

describe('GET /info', () => {
  it('begins with the keys of TEI, in their order', async () => {
    const { json } = await appUnderTest().send('/info');
    expect(Object.keys(json).slice(0, 15)).toEqual([
      'model_id',
      'model_sha',
      'model_dtype',
      'served_model_name',
      'model_type',
      'max_concurrent_requests',
      'max_input_length',
      'max_batch_tokens',
      'max_batch_requests',
      'max_client_batch_size',
      'auto_truncate',
      'tokenization_workers',
      'version',
      'sha',
      'docker_label',
    ]);
  });

  it('adds what the vectors depend on', async () => {
    const { json, headers } = await appUnderTest().send('/info');
    expect(json).toMatchObject({
      fidelity: null,
      fingerprint: FINGERPRINT,
      quantisation: { preset: 'q8' },
      engine: { name: 'wasm' },
    });
    expect(headers.get('x-embedding-fingerprint')).toBe(FINGERPRINT);
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('says of the demo, and of no other model, that it knows words and not meaning, and how to have the real one', async () => {
    const demo = await appUnderTest(() => openModel(DEMO)).send('/info');
    expect(demo.json).toMatchObject({ model_id: 'm3edge model demo', demo: true });
    expect(demo.json.notice).toMatch(/words, not meaning.* npx m3edge model pull$/);
    const other = await appUnderTest().send('/info');
    expect(other.json).toMatchObject({ demo: false, notice: null });
  });
});
