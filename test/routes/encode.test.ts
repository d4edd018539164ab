import { describe, expect, it } from 'vitest';
import type { EmbedOptions } from '../../src/embedder.ts';
import { ServiceError } from '../../src/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { appUnderTest } from '../support/call-app.ts';
import { COLBERT, FINGERPRINT, fakeEmbedder, HIDDEN } from '../support/fake-embedder.ts';

const fake = fakeEmbedder();
const { post } = appUnderTest(async () => fake);
const everything = { return_dense: true, return_sparse: true, return_colbert_vecs: true };
const [cat, dog] = await fake.embed(['cat', 'dog!'], { dense: true, sparse: true, colbert: true });
const rowsOf = (flat: Float32Array, width: number) =>
  Array.from({ length: flat.length / width }, (_, row) => [...flat.subarray(row * width, (row + 1) * width)]);
const asFloat32 = (numbers: number[]) => numbers.map(Math.fround);

describe('POST /encode', () => {
  it('answers with every part that was asked for, a text after another', async () => {
    const { status, json, headers } = await post('/encode', { texts: ['cat', 'dog!'], ...everything });
    expect(status).toBe(200);
    expect(Object.keys(json)).toEqual([
      'model',
      'fingerprint',
      'dense_vecs',
      'lexical_weights',
      'colbert_vecs',
      'usage',
    ]);
    expect(json).toMatchObject({ model: 'fake', fingerprint: FINGERPRINT });
    expect(json.usage).toEqual({ tokens: [5, 6], truncated: [false, false] });
    expect(json.dense_vecs.map(asFloat32)).toEqual([[...cat!.dense!], [...dog!.dense!]]);
    expect(json.lexical_weights.map((weights: object) => Object.keys(weights).length)).toEqual([3, 4]);
    expect(asFloat32(Object.values(json.lexical_weights[0]))).toEqual([...cat!.lexicalWeights!.values()]);
    expect(json.colbert_vecs.map((rows: number[][]) => rows.map(asFloat32))).toEqual([
      rowsOf(cat!.colbert!, COLBERT),
      rowsOf(dog!.colbert!, COLBERT),
    ]);
    expect(headers.get('x-embedding-fingerprint')).toBe(FINGERPRINT);
  });

  it('gives dense vectors alone by default, and leaves the other parts out', async () => {
    const { json } = await post('/encode', { texts: 'cat' });
    expect(Object.keys(json)).toEqual(['model', 'fingerprint', 'dense_vecs', 'usage']);
    expect(json.dense_vecs).toHaveLength(1);
  });

  it('prints token ids in ascending order', async () => {
    const { text } = await post('/encode', { texts: 'zebra', return_dense: false, return_sparse: true });
    const ids = [...text.matchAll(/"(\d+)":/g)].map(([, id]) => Number(id));
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect(ids.length).toBe(5);
  });

  it('hands its options to the embedder', async () => {
    await post('/encode', {
      texts: ['cat'],
      max_length: 16,
      truncate: true,
      pooling: 'mean',
      instruction: 'query: ',
      return_sparse: true,
    });
    expect(fake.calls.at(-1)).toEqual({
      dense: true,
      sparse: true,
      colbert: false,
      maxTokens: 16,
      truncate: true,
      pooling: 'mean',
      instruction: 'query: ',
      answerBytes: LIMITS.answerBytes,
      onTimes: expect.any(Function),
    });
  });

  it('says which texts were cut', async () => {
    const { json } = await post('/encode', { texts: ['ab', 'abcdef'], max_length: 6, truncate: true });
    expect(json.usage).toEqual({ tokens: [4, 6], truncated: [false, true] });
  });

  describe('encoding_format', () => {
    const bytesOf = (base64: string) => Buffer.from(base64, 'base64');

    it('base64 is little-endian float32', async () => {
      const { json } = await post('/encode', { texts: 'cat', ...everything, encoding_format: 'base64' });
      const bytes = bytesOf(json.dense_vecs[0]);
      expect(Array.from({ length: HIDDEN }, (_, i) => bytes.readFloatLE(4 * i))).toEqual([...cat!.dense!]);
      expect(json.colbert_vecs[0]).toHaveLength(4);
      expect(bytesOf(json.colbert_vecs[0][3])).toHaveLength(4 * COLBERT);
      expect(Object.keys(json.lexical_weights[0])).toHaveLength(3);
    });

    it('int8 is within half a step of each float', async () => {
      const { json } = await post('/encode', { texts: 'cat', encoding_format: 'int8' });
      const { scale, data } = json.dense_vecs[0];
      const codes = new Int8Array(bytesOf(data));
      expect(codes).toHaveLength(HIDDEN);
      cat!.dense!.forEach((value, i) => {
        expect(Math.abs(value - scale * codes[i]!)).toBeLessThanOrEqual(scale * 0.5001);
      });
    });

    it('binary has a bit a dimension, the sign, most significant bit first', async () => {
      const { json } = await post('/encode', { texts: 'cat', encoding_format: 'binary' });
      const bits = [...bytesOf(json.dense_vecs[0])].flatMap((byte) => [...byte.toString(2).padStart(8, '0')]);
      expect(bits).toEqual([...cat!.dense!].map((value) => (value > 0 ? '1' : '0')));
    });
  });

  describe('with accept: application/x-ndjson', () => {
    const ndjson = { accept: 'application/x-ndjson' };
    const linesOf = (text: string) =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));

    it('answers with a line a text', async () => {
      const { text, headers } = await post('/encode', { texts: ['cat', 'dog!'], ...everything }, ndjson);
      expect(headers.get('content-type')).toBe('application/x-ndjson');
      const lines = linesOf(text);
      expect(lines.map(({ index, tokens, truncated }) => ({ index, tokens, truncated }))).toEqual([
        { index: 0, tokens: 5, truncated: false },
        { index: 1, tokens: 6, truncated: false },
      ]);
      expect(asFloat32(lines[1].dense_vecs)).toEqual([...dog!.dense!]);
      expect(lines[1].colbert_vecs).toHaveLength(5);
    });

    it('sends each line before the next text is embedded', async () => {
      let mayGoOn = () => {};
      const blocked = new Promise<void>((resolve) => {
        mayGoOn = resolve;
      });
      const { app } = appUnderTest(async () =>
        fakeEmbedder({ beforeText: (index) => (index === 1 ? blocked : undefined) }),
      );
      const response = await app.request('/encode', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...ndjson },
        body: JSON.stringify({ texts: ['cat', 'dog'] }),
      });
      const reader = response.body!.getReader();
      const { value } = await reader.read();
      expect(linesOf(new TextDecoder().decode(value))).toMatchObject([{ index: 0 }]);
      mayGoOn();
      expect(linesOf(new TextDecoder().decode((await reader.read()).value))).toMatchObject([{ index: 1 }]);
      expect((await reader.read()).done).toBe(true);
    });

    it('refuses with a status what is refused before the first line', async () => {
      const { status, json } = await post('/encode', { texts: ['cat', 'x'.repeat(600)] }, ndjson);
      expect(status).toBe(422);
      expect(json.error).toMatchObject({ code: 'input_too_long', param: 'texts[1]' });
    });

    it('ends with a line that holds the error of what fails later', async () => {
      const { post: postFailing } = appUnderTest(async () =>
        fakeEmbedder({
          beforeText(index) {
            if (index === 1) throw new ServiceError('model_shard_corrupt', 'layer-07.bin: sha256 differs');
          },
        }),
      );
      const { status, text } = await postFailing('/encode', { texts: ['cat', 'dog'] }, ndjson);
      expect(status).toBe(200);
      expect(linesOf(text)).toMatchObject([{ index: 0 }, { error: { code: 'model_shard_corrupt' } }]);
    });
  });

  it('writes the ColBERT rows of a long text as they come, in ndjson', async () => {
    async function* blocks() {
      for (const value of [1, 2]) yield new Float32Array(2 * COLBERT).fill(value);
    }
    const embedder = {
      ...fake,
      async *embedEach(_: readonly string[], options: EmbedOptions) {
        expect(options.streamColbert).toBe(true);
        yield { tokenIds: new Uint32Array(5), truncated: false, colbertBlocks: blocks() };
      },
    };
    const { post: postLong } = appUnderTest(async () => embedder);
    const body = { texts: 'x', return_dense: false, return_colbert_vecs: true };
    const { text } = await postLong('/encode', body, { accept: 'application/x-ndjson' });
    const row = (value: number) => Array(COLBERT).fill(value);
    expect(JSON.parse(text)).toEqual({
      index: 0,
      colbert_vecs: [row(1), row(1), row(2), row(2)],
      tokens: 5,
      truncated: false,
    });
  });
});
