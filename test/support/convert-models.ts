import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { CALIBRATION_TEXTS } from '../../cli/calibrate/texts.ts';
import { convertCheckpoint } from '../../cli/convert/convert.ts';
import { stageModel } from '../../cli/stage-model.ts';
import { FIXTURES, fixtureDirectory, MODELS_VARIABLE, modelDirectory, PRESETS } from './models.ts';

/** On the project's own disk, so that models are staged by links. */
const parent = fileURLToPath(new URL('../../.m3edge', import.meta.url));
const ASSETS = 'assets';

/**
 * Global set-up of every project: both fixtures, both presets, by the converter as it is, once a run; the Worker under test finds each among its
 * assets, and serves micro-m3 in q8.
 */
export default async function convertModels(project: TestProject): Promise<(() => void) | undefined> {
  const done = process.env[MODELS_VARIABLE];
  if (done !== undefined) {
    project.provide('assets', join(done, ASSETS));
    return undefined;
  }
  mkdirSync(parent, { recursive: true });
  const directory = mkdtempSync(join(parent, 'test-'));
  process.env[MODELS_VARIABLE] = directory;
  const assets = join(directory, ASSETS);
  for (const fixture of FIXTURES) {
    for (const preset of PRESETS) {
      const outDir = modelDirectory(fixture, preset);
      await convertCheckpoint({
        checkpoint: fixtureDirectory(fixture),
        outDir,
        preset,
        name: fixture,
        calibrationTexts: CALIBRATION_TEXTS,
      });
      stageModel(outDir, assets, `${fixture}-${preset}`);
    }
  }
  stageModel(modelDirectory('micro-m3', 'q8'), assets);
  project.provide('assets', assets);
  return () => rmSync(directory, { recursive: true });
}
