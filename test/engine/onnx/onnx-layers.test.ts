import { describe, expect, it } from 'vitest';
import { createOnnxLayers } from '../../../src/engine/onnx/onnx-layers.ts';
import { FIXTURES, modelDirectory, openModel, PRESETS, readGolden, readManifest } from '../../support/models.ts';
import { ONNX_MODULE } from '../../support/onnx-module.ts';

const cosine = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let product = 0;
  for (let i = 0; i < a.length; i++) product += a[i]! * b[i]!;
  return product;
};
const ALL = { dense: true, sparse: true, colbert: true, truncate: true };

describe.each(FIXTURES)('the onnx engine on %s', (fixture) => {
  const golden = readGolden(fixture).texts;
  const texts = golden.map(({ text }) => text);

  describe.each(PRESETS)('%s', async (preset) => {
    const directory = modelDirectory(fixture, preset);
    const { architecture } = readManifest(directory);
    const wasm = await openModel(directory);
    const onnx = await openModel(directory, { layers: createOnnxLayers(architecture, ONNX_MODULE) });
    const expected = await wasm.embed(texts, ALL);
    const embeddings = await onnx.embed(texts, ALL);

    it('agrees with the wasm engine: dense cosine at least .999 for every text, of 3 to 512 tokens', () => {
      // Both quantise activations to 8 bits, onnxruntime most of them by tensor, and its attention is float32; worst seen .99928.
      const cosines = embeddings.map(({ dense }, i) => cosine(dense!, expected[i]!.dense!));
      expect(Math.min(...cosines)).toBeGreaterThan(0.999);
    });

    it('agrees with it in the other outputs', () => {
      for (const [i, { colbert, tokenIds }] of embeddings.entries()) {
        const width = architecture.colbertSize;
        expect(tokenIds).toEqual(expected[i]!.tokenIds);
        // The same causes; the mean over a text's rows, worst seen .9988.
        expect(cosine(colbert!, expected[i]!.colbert!) / (colbert!.length / width)).toBeGreaterThan(0.997);
      }
    });

    it('gives a text the same bits alone, in a batch and after a longer one', async () => {
      for (const i of [0, 4, 23]) expect((await onnx.embed([texts[i]!], ALL))[0]).toEqual(embeddings[i]);
    });

    it('gives the same bits with two slots that every layer is streamed through', async () => {
      const layers = createOnnxLayers(architecture, ONNX_MODULE);
      const planBytes = 2 ** 22 + 2 * readManifest(directory).files['layer-00.bin']!.bytes;
      const streamed = await openModel(directory, { layers, planBytes });
      expect(await streamed.embed(texts.slice(0, 3), ALL)).toEqual(embeddings.slice(0, 3));
    });
  });
});

describe('the longest text of the onnx engine', async () => {
  const directory = modelDirectory('micro-m3', 'q8');
  const { architecture } = readManifest(directory);
  const embedder = await openModel(directory, { layers: createOnnxLayers(architecture, ONNX_MODULE, 16) });
  const text = readGolden('micro-m3').texts.find(({ ids }) => ids.length > 16)!.text;

  it('is what its memory allows, though the model has more', async () => {
    expect(embedder.maxTokens).toBe(16);
    await expect(embedder.embed([text], { dense: true })).rejects.toThrow('texts[0] has more than 16 tokens');
    const [cut] = await embedder.embed([text], { dense: true, truncate: true });
    expect(cut!.tokenIds.length).toBe(16);
  });
});
