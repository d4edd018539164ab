import { join } from 'node:path';
import { chooseModel } from '../cli/choose-model.ts';
import { ASSETS_DIRECTORY } from '../cli/commands/dev.ts';
import { projectRoot } from '../cli/installation.ts';
import { stageModel } from '../cli/stage-model.ts';
import { fingerprintOf } from '../src/format/fingerprint.ts';

/** Stages the model that the next `wrangler deploy` takes along: `MODEL=DIR npm run deploy`. */

const manifest = stageModel(await chooseModel(undefined), join(projectRoot, ASSETS_DIRECTORY));
console.log(`staged ${manifest.model.name}, ${manifest.preset}, fingerprint ${await fingerprintOf(manifest)}`);
