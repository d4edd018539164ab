import { copyFileSync, existsSync, linkSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { MANIFEST_FILE } from '../src/format/layout.ts';
import type { Manifest } from '../src/format/manifest.ts';
import { readManifest } from './model-directory.ts';
import { UserError } from './user-error.ts';

/** As `MODEL_DIRECTORY` of `src/worker.ts`. */
const WHERE_THE_WORKER_LOOKS = 'model';

/** Where `stageModel` puts a model. */
export const stagedModel = (assets: string) => join(assets, WHERE_THE_WORKER_LOOKS);

/**
 * Puts a model's files where the Worker finds them among its assets: hard links where the file system allows them, else copies. What the
 * manifest does not name stays outside.
 *
 * @param assets The assets' root; `directory` below it is replaced as a whole.
 * @throws UserError where a file of the manifest is missing.
 */
export function stageModel(model: string, assets: string, directory = WHERE_THE_WORKER_LOOKS): Manifest {
  const manifest = readManifest(model);
  const target = join(assets, directory);
  const building = join(assets, `.${directory}-${process.pid}`);
  rmSync(building, { recursive: true, force: true });
  mkdirSync(building, { recursive: true });
  try {
    for (const name of [...Object.keys(manifest.files), MANIFEST_FILE]) {
      linkOrCopy(join(model, name), join(building, name));
    }
    rmSync(target, { recursive: true, force: true });
    renameSync(building, target);
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  return manifest;
}

function linkOrCopy(from: string, to: string): void {
  if (!existsSync(from))
    throw new UserError(`${from} is missing; run m3edge model verify, then convert the model again`);
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to); // another disk, or a file system without links
  }
}
