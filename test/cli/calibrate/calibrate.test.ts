import { describe, expect, it } from 'vitest';
import { createCalibrator } from '../../../cli/calibrate/calibrate.ts';
import { CALIBRATION_TEXTS } from '../../../cli/calibrate/texts.ts';
import { tokenizeTexts } from '../../../cli/calibrate/tokenize.ts';
import type { Checkpoint } from '../../../cli/checkpoint/checkpoint.ts';
import { openCheckpointDirectory } from '../../../cli/checkpoint/directory.ts';
import { parseEncoderConfig } from '../../../cli/checkpoint/encoder-config.ts';
import { encodeLayer } from '../../../cli/convert/encode-model.ts';
import { openTensors } from '../../../cli/convert/open-checkpoint.ts';
import { buildTokenizer, readTokenizerSource } from '../../../cli/convert/tokenizer.ts';
import { unpackLayer } from '../../../cli/convert/unpack.ts';
import { EVALUATION_PAIRS } from '../../../cli/fidelity/texts.ts';
import { LINEAR_NAMES } from '../../../src/format/architecture.ts';
import { FIXTURES, fixtureDirectory, readGolden } from '../../support/models.ts';

const U7 = { qkv: 'u7', attentionOutput: 'u7', intermediate: 'u7', output: 'u7' } as const;
const U4 = { qkv: 'u4g32', attentionOutput: 'u4g32', intermediate: 'u4g32', output: 'u4g32' } as const;

const directory = openCheckpointDirectory(fixtureDirectory('micro-m3'));
const opened: Checkpoint[] = [];
const model = await openTensors(directory, parseEncoderConfig(directory.readJson('config.json')), opened);
const { bytes: vocabulary } = buildTokenizer(readTokenizerSource(directory));
const ids = tokenizeTexts(vocabulary, CALIBRATION_TEXTS.slice(0, 30), model.architecture.maxTokens);

// What it gains is shown on whole models: golden.test.ts and scripts/check/fidelity.ts.
describe('createCalibrator', () => {
  it('gives the same bytes every time', () => {
    const run = () => {
      const calibrator = createCalibrator(model.encoder, model.architecture, ids);
      return [calibrator.encodeLayer(0, U7), calibrator.encodeLayer(1, U4)];
    };
    expect(run()).toEqual(run());
  });

  it('moves weights by a few steps and leaves the LayerNorms alone', () => {
    const { encoder, architecture } = model;
    const calibrated = unpackLayer(createCalibrator(encoder, architecture, ids).encodeLayer(0, U7), architecture, U7);
    const nearest = unpackLayer(encodeLayer(encoder, architecture, 0, U7), architecture, U7);
    for (const name of LINEAR_NAMES) {
      const spread = Math.sqrt(nearest[name].weight.reduce((sum, w) => sum + w * w, 0) / nearest[name].weight.length);
      const moved = nearest[name].weight.map((w, i) => w - calibrated[name].weight[i]!);
      const distance = Math.sqrt(moved.reduce((sum, w) => sum + w * w, 0) / moved.length);
      expect(distance).toBeGreaterThan(0);
      expect(distance / spread).toBeLessThan(0.1);
    }
    expect(calibrated.attentionNorm).toEqual(nearest.attentionNorm);
    expect(calibrated.outputNorm).toEqual(nearest.outputNorm);
  });

  it('takes one text of two tokens', () => {
    const { encoder, architecture } = model;
    const calibrator = createCalibrator(encoder, architecture, [Uint32Array.of(0, 2)]);
    const layer = unpackLayer(calibrator.encodeLayer(0, U4), architecture, U4);
    for (const name of LINEAR_NAMES) expect(layer[name].bias.every(Number.isFinite)).toBe(true);
  });

  it('refuses layers out of their order, and heads before the last layer', () => {
    const calibrator = createCalibrator(model.encoder, model.architecture, ids);
    expect(() => calibrator.fitHead(new Float32Array(64), new Float32Array(1))).toThrow(RangeError);
    expect(() => calibrator.encodeLayer(1, U7)).toThrow(RangeError);
  });
});

describe('the calibration texts', () => {
  it('share no text with the golden ones, nor with those that models are judged by', () => {
    const judged = [
      ...FIXTURES.flatMap((fixture) => readGolden(fixture).texts.map(({ text }) => text)),
      ...EVALUATION_PAIRS.flatMap(({ question, passage }) => [question, passage]),
    ];
    const calibration = new Set(CALIBRATION_TEXTS);
    expect(judged.filter((text) => calibration.has(text))).toEqual([]);
    expect(calibration.size).toBe(CALIBRATION_TEXTS.length);
  });
});
