import { describe, expect, it } from 'vitest';
import type { EmbedOptions } from '../../src/embedder.ts';
import { ServiceError } from '../../src/errors.ts';
import { appUnderTest } from '../support/call-app.ts';
import { fakeEmbedder } from '../support/fake-embedder.ts';

const fake = fakeEmbedder();
const accept = { accept: 'text/event-stream' };

/** Events as [name, data]. */
const eventsOf = (text: string): [string, unknown][] =>
  text
    .split('\n\n')
    .filter((block) => block.trim() !== '')
    .map((block) => {
      const [, name, data] = /^\s*event: (\w+)\ndata: (.*)/.exec(block)!;
      return [name!, JSON.parse(data!)];
    });

describe('POST /encode with accept: text/event-stream', () => {
  it('tells tokens, each layer, each text as it is ready, and the end', async () => {
    const embedder = {
      ...fake,
      async *embedEach(texts: readonly string[], options: EmbedOptions) {
        for (const layer of [0, 1]) {
          const times = { bytes: 851_200, waitMs: 0.1234, computeMs: 2 };
          options.onLayer?.({ layer, of: 2, resident: layer === 0, ...times });
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        yield* fake.embedEach(texts, options);
      },
    };
    const { post } = appUnderTest(async () => embedder);
    const { status, text, headers } = await post('/encode', { texts: ['cat', 'dog!'] }, accept);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/event-stream');
    const events = eventsOf(text);
    expect(events.map(([name]) => name)).toEqual(['tokens', 'layer', 'layer', 'embedding', 'embedding', 'done']);
    expect(events[0]![1]).toEqual({ tokens: [5, 6], passes: 1 });
    expect(events[1]![1]).toEqual({
      layer: 0,
      of: 2,
      resident: true,
      bytes: 851_200,
      wait_ms: 0.12,
      compute_ms: 2,
    });
    expect(events[4]![1]).toMatchObject({ index: 1, tokens: 6, truncated: false });
  });

  it('ends with an error event where the engine fails, and gives the engine back', async () => {
    let returned = false;
    const embedder = {
      ...fake,
      async *embedEach() {
        try {
          yield { tokenIds: new Uint32Array(3), truncated: false };
          throw new ServiceError('model_shard_corrupt', 'layer-01.bin: sha256 differs');
        } finally {
          returned = true;
        }
      },
    };
    const { post } = appUnderTest(async () => embedder);
    const { text } = await post('/encode', { texts: ['cat'] }, accept);
    expect(eventsOf(text).at(-1)).toMatchObject(['error', { error: { code: 'model_shard_corrupt' } }]);
    expect(returned).toBe(true);
  });

  it('refuses a request with its own status before the first event', async () => {
    const { post } = appUnderTest(async () => fake);
    expect((await post('/encode', { texts: [] }, accept)).status).toBe(422);
  });
});

describe('POST /estimate', () => {
  it("predicts tokens, passes and CPU time, and reads no vectors' options", async () => {
    const { post } = appUnderTest(async () => fake);
    const { status, json } = await post('/estimate', { texts: ['cat', 'dog!'] });
    expect(status).toBe(200);
    expect(json).toEqual({ tokens: [5, 6], passes: 1, cpu_ms: 1, fits: true });
    const refused = await post('/estimate', { texts: ['cat'], encoding_format: 'float' });
    expect(refused.json.error).toMatchObject({ code: 'bad_request', param: 'encoding_format' });
  });
});
