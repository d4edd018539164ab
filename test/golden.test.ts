import { describe, expect, it } from 'vitest';
import { encodeReference, openReference } from '../cli/reference/scalar-encoder.ts';
import { scorePair } from '../src/scoring/scoring.ts';
import { errorsOf, peerErrors, sparseDifference } from './support/fidelity.ts';
import {
  FIXTURES,
  fixtureDirectory,
  modelDirectory,
  openModel,
  PRESETS,
  readGolden,
  readPeer,
} from './support/models.ts';
import { largestDifference } from './support/wasm-arena.ts';

const ALL_OUTPUTS = { dense: true, sparse: true, colbert: true, truncate: true };

describe.each(FIXTURES)('%s in float32, by the scalar twins', async (fixture) => {
  const golden = readGolden(fixture);
  const reference = await openReference(fixtureDirectory(fixture));
  const outputs = golden.texts.map(({ ids }) => encodeReference(reference, Uint32Array.from(ids)));
  const width = reference.config.hiddenSize;

  it('agrees with transformers to 1e-4 in every output', () => {
    for (const [i, text] of golden.texts.entries()) {
      const { dense, colbert, lexicalWeights } = outputs[i]!;
      expect(colbert.length).toBe(text.colbert_rows * width);
      // Printed with six digits; worst seen 9.4e-7.
      expect(largestDifference(dense, text.dense)).toBeLessThan(1e-4);
      expect(largestDifference(colbert.subarray(0, width), text.colbert_first)).toBeLessThan(1e-4);
      expect(largestDifference(colbert.subarray(-width), text.colbert_last)).toBeLessThan(1e-4);
      expect(sparseDifference(lexicalWeights, text.sparse)).toBeLessThan(1e-4);
    }
  });

  it("gives FlagEmbedding's scores for 100 pairs", () => {
    for (const pair of golden.pairs) {
      const scores = scorePair(outputs[pair.query]!, outputs[pair.passage]!, width, [0.4, 0.2, 0.4]);
      const { dense, sparse, colbert, hybrid } = pair;
      const computed = [scores.dense, scores.sparse, scores.colbert, scores['colbert+sparse+dense']];
      expect(largestDifference(computed, [dense, sparse, colbert, hybrid])).toBeLessThan(1e-4);
    }
  });
});

describe.each(FIXTURES)('%s, converted', (fixture) => {
  const golden = readGolden(fixture);

  describe.each(PRESETS)('%s', async (preset) => {
    const embedder = await openModel(modelDirectory(fixture, preset));
    const { colbertSize } = embedder.manifest.architecture;
    const embeddings = await embedder.embed(
      golden.texts.map(({ text }) => text),
      ALL_OUTPUTS,
    );

    it("has the reference's ids for every text", () => {
      for (const [i, { ids }] of golden.texts.entries()) expect([...embeddings[i]!.tokenIds]).toEqual(ids);
    });

    it("keeps of the outputs what onnxruntime's quantiser keeps: means and sparse within 1.25x, worst within 1.5x", () => {
      const errors = errorsOf(golden.texts, embeddings, colbertSize);
      const peer = peerErrors(readPeer(fixture, preset));
      expect(errors.denseMean).toBeLessThanOrEqual(1.25 * peer.denseMean);
      expect(errors.denseWorst).toBeLessThanOrEqual(1.5 * peer.denseWorst);
      expect(errors.colbertMean).toBeLessThanOrEqual(1.25 * peer.colbertMean);
      expect(errors.colbertWorst).toBeLessThanOrEqual(1.5 * peer.colbertWorst);
      expect(errors.sparseLargest).toBeLessThanOrEqual(1.25 * peer.sparseLargest);
    });

    it('gives a text the same bits alone, in a batch, on every dot product and with two layer slots', async () => {
      const texts = golden.texts.map(({ text }) => text);
      const { manifest } = embedder;
      const layerBytes = manifest.files['layer-00.bin']!.bytes;
      const others = [
        await openModel(modelDirectory(fixture, preset), { dotPath: 'plain' }),
        await openModel(modelDirectory(fixture, preset), { dotPath: 'fused' }),
        await openModel(modelDirectory(fixture, preset), { planBytes: 2 ** 22 + 2 * layerBytes }),
      ];
      for (const i of [0, 4, 12, 23]) {
        expect((await embedder.embed([texts[i]!], ALL_OUTPUTS))[0]).toEqual(embeddings[i]);
        for (const other of others) expect((await other.embed([texts[i]!], ALL_OUTPUTS))[0]).toEqual(embeddings[i]);
      }
    });
  });
});
