import { join } from 'node:path';
import { chooseModel } from '../cli/choose-model.ts';
import { ASSETS_DIRECTORY } from '../cli/commands/dev.ts';
import { projectRoot } from '../cli/installation.ts';
import { stageModel } from '../cli/stage-model.ts';
import { stagePage } from '../cli/stage-page.ts';
import { fingerprintOf } from '../src/format/fingerprint.ts';

/** Stages the page, and the model that the next `wrangler deploy` takes along: `MODEL=DIR npm run deploy`. */

const assets = join(projectRoot, ASSETS_DIRECTORY);
const manifest = stageModel(await chooseModel(undefined), assets);
stagePage(assets);
console.log(`staged ${manifest.model.name}, ${manifest.preset}, fingerprint ${await fingerprintOf(manifest)}`);
