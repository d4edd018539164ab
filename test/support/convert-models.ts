import { rmSync } from 'node:fs';
import { convertCheckpoint } from '../../cli/convert/convert.ts';
import { buildTokenizer } from '../../cli/convert/tokenizer.ts';
import { FIXTURES, fixtureDirectory, modelDirectory, PRESETS } from './models.ts';

/** Vitest's global set-up: both fixtures, both presets, by the converter as it is. */
export default async function convertModels(): Promise<void> {
  for (const fixture of FIXTURES) {
    for (const preset of PRESETS) {
      const outDir = modelDirectory(fixture, preset);
      rmSync(outDir, { recursive: true, force: true });
      await convertCheckpoint({ checkpoint: fixtureDirectory(fixture), outDir, preset, name: fixture, buildTokenizer });
    }
  }
}
