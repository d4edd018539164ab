import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { unstable_readConfig as readConfig } from 'wrangler';
import { chooseModel } from '../cli/choose-model.ts';
import { ASSETS_DIRECTORY } from '../cli/commands/dev.ts';
import { findWrangler, projectRoot } from '../cli/installation.ts';
import { stagedModel, stageModel } from '../cli/stage-model.ts';
import { stagePage } from '../cli/stage-page.ts';
import { UserError } from '../cli/user-error.ts';
import { fingerprintOf } from '../src/format/fingerprint.ts';
import { type Deployment, parseDeployment, refuseOpenWorker, refusePlaceholder } from './deploy/deployment.ts';
import { withoutDocuments } from './deploy/without-documents.ts';

/**
 * `npm run deploy [-- [--allow-anonymous] [--without-documents] [what wrangler deploy takes]]`: refuses what would be open to everybody by oversight,
 * stages page and model, and deploys. `MODEL=DIR` names the model; one in R2 or behind a URL (MODEL_SOURCE) is not staged.
 */

async function deploy(args: readonly string[]): Promise<number> {
  const deployment = parseDeployment(args, (config) => readConfig(config, { hideWarnings: true }));
  refuseOpenWorker(deployment);
  refusePlaceholder(deployment);
  const assets = resolve(deployment.assets ?? join(projectRoot, ASSETS_DIRECTORY));
  await stage(assets, deployment);
  const wrangler = [findWrangler(), 'deploy', ...deployment.wranglerArgs, '--assets', assets];
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false' };
  const run = (...more: string[]) =>
    spawnSync(process.execPath, [...wrangler, ...more], { cwd: projectRoot, env, stdio: 'inherit' }).status ?? 1;
  if (!deployment.withoutDocuments) return run();
  // Beside wrangler.toml, whose paths are relative.
  const settings = join(projectRoot, `wrangler.${process.pid}.toml`);
  writeFileSync(settings, withoutDocuments(readFileSync(join(projectRoot, 'wrangler.toml'), 'utf8')));
  try {
    return run('--config', settings);
  } finally {
    rmSync(settings);
  }
}

/** @throws UserError where another model is pinned. */
async function stage(assets: string, { variables }: Deployment): Promise<void> {
  const { MODEL_SOURCE = 'assets', MODEL_FINGERPRINT } = variables;
  if (MODEL_SOURCE !== 'assets') {
    rmSync(stagedModel(assets), { recursive: true, force: true });
    console.log(`the model is read from ${MODEL_SOURCE}`);
  } else {
    const { model, preset, ...manifest } = stageModel(await chooseModel(undefined), assets);
    const fingerprint = await fingerprintOf({ model, preset, ...manifest });
    if (MODEL_FINGERPRINT && MODEL_FINGERPRINT !== fingerprint)
      throw new UserError(
        `the model's fingerprint is ${fingerprint}, MODEL_FINGERPRINT pins ${MODEL_FINGERPRINT}: deploy that model, or change the pin`,
      );
    console.log(`staged ${model.name}, ${preset}, fingerprint ${fingerprint}`);
    if (model.demo)
      console.log('This is the demo model: it knows words, not meaning. The real one: npx m3edge model pull');
  }
  stagePage(assets);
}

try {
  process.exitCode = await deploy(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(`deploy: ${error.message}`);
  process.exitCode = 2;
}
