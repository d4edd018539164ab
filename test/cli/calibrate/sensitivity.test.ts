import { describe, expect, it } from 'vitest';
import { measureSensitivities } from '../../../cli/calibrate/sensitivity.ts';
import { CALIBRATION_TEXTS } from '../../../cli/calibrate/texts.ts';
import { tokenizeTexts } from '../../../cli/calibrate/tokenize.ts';
import type { Checkpoint } from '../../../cli/checkpoint/checkpoint.ts';
import { openCheckpointDirectory } from '../../../cli/checkpoint/directory.ts';
import { parseEncoderConfig } from '../../../cli/checkpoint/encoder-config.ts';
import { openTensors } from '../../../cli/convert/open-checkpoint.ts';
import { buildTokenizer, readTokenizerSource } from '../../../cli/convert/tokenizer.ts';
import { LINEAR_NAMES } from '../../../src/format/architecture.ts';
import { fixtureDirectory } from '../../support/models.ts';

const directory = openCheckpointDirectory(fixtureDirectory('micro-m3'));
const opened: Checkpoint[] = [];
const { encoder, architecture } = await openTensors(
  directory,
  parseEncoderConfig(directory.readJson('config.json')),
  opened,
);
const { bytes } = buildTokenizer(readTokenizerSource(directory));
const ids = tokenizeTexts(bytes, CALIBRATION_TEXTS.slice(0, 30), architecture.maxTokens);

describe('measureSensitivities', () => {
  const done: number[] = [];
  const sensitivities = measureSensitivities(encoder, architecture, ids, (layers) => done.push(layers));

  it('finds a small positive error for each linear layer, telling of each encoder layer', () => {
    expect(sensitivities).toHaveLength(architecture.layerCount);
    expect(done).toEqual([1, 2, 3]);
    for (const layer of sensitivities) {
      for (const name of LINEAR_NAMES) {
        expect(layer[name]).toBeGreaterThan(1e-6);
        expect(layer[name]).toBeLessThan(0.02);
      }
    }
  });

  it("puts the fixture's attention first, as the golden outputs do", () => {
    // Each linear layer alone in 4 bits, through the engine: qkv costs 20 times what the feed-forward layers cost together (docs/quantisation.md).
    for (const { qkv, attentionOutput, intermediate, output } of sensitivities) {
      expect(qkv).toBeGreaterThan(intermediate + output);
      expect(attentionOutput).toBeGreaterThan(intermediate);
    }
  });
});
