import { rmSync } from 'node:fs';
import { convertCheckpoint } from '../../cli/convert/convert.ts';
import { buildTokenizer } from '../../cli/convert/tokenizer.ts';
import { stageModel } from '../../cli/stage-model.ts';
import { ASSETS_DIRECTORY, FIXTURES, fixtureDirectory, modelDirectory, PRESETS } from './models.ts';

/** Vitest's global set-up: both fixtures, both presets, by the converter as it is; the Worker finds each among its assets. */
export default async function convertModels(): Promise<void> {
  rmSync(ASSETS_DIRECTORY, { recursive: true, force: true });
  for (const fixture of FIXTURES) {
    for (const preset of PRESETS) {
      const outDir = modelDirectory(fixture, preset);
      rmSync(outDir, { recursive: true, force: true });
      await convertCheckpoint({ checkpoint: fixtureDirectory(fixture), outDir, preset, name: fixture, buildTokenizer });
      stageModel(outDir, ASSETS_DIRECTORY, `${fixture}-${preset}`);
    }
  }
  stageModel(modelDirectory('micro-m3', 'q8'), ASSETS_DIRECTORY);
}
