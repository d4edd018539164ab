import { describe, expect, it } from 'vitest';
import type { Checkpoint } from '../../../cli/checkpoint/checkpoint.ts';
import { openCheckpointDirectory } from '../../../cli/checkpoint/directory.ts';
import { parseEncoderConfig } from '../../../cli/checkpoint/encoder-config.ts';
import { openTensors } from '../../../cli/convert/open-checkpoint.ts';
import { encodeInFloat } from '../../../cli/float/reference.ts';
import { sparseDifference } from '../../support/fidelity.ts';
import { FIXTURES, fixtureDirectory, readGolden } from '../../support/models.ts';
import { largestDifference } from '../../support/wasm-arena.ts';

const DROPPED = new Set([0, 1, 2, 3]);

describe.each(FIXTURES)('encodeInFloat on %s', async (fixture) => {
  const directory = openCheckpointDirectory(fixtureDirectory(fixture));
  const opened: Checkpoint[] = [];
  const model = await openTensors(directory, parseEncoderConfig(directory.readJson('config.json')), opened);
  const golden = readGolden(fixture).texts;
  const ids = golden.map((text) => Uint32Array.from(text.ids));
  const outputs = encodeInFloat(model, ids, DROPPED);

  it('agrees with transformers to 1e-5 in every output', () => {
    const width = model.architecture.colbertSize;
    for (const [i, text] of golden.entries()) {
      const { dense, colbert, lexicalWeights } = outputs[i]!;
      expect(colbert.length).toBe(text.colbert_rows * width);
      // float32 sums in another order, GELU within 1e-6, six printed digits; worst seen 7.6e-7.
      expect(largestDifference(dense, text.dense)).toBeLessThan(1e-5);
      expect(largestDifference(colbert.subarray(0, width), text.colbert_first)).toBeLessThan(1e-5);
      expect(largestDifference(colbert.subarray(-width), text.colbert_last)).toBeLessThan(1e-5);
      expect(sparseDifference(lexicalWeights, text.sparse)).toBeLessThan(1e-5);
    }
  });

  it('gives a text the same bits alone', () => {
    const indices = [0, 4, 23];
    for (const i of indices) expect(encodeInFloat(model, [ids[i]!], DROPPED)[0]).toEqual(outputs[i]);
  });
});
