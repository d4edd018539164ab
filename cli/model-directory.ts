import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ServiceError } from '../src/errors.ts';
import { MANIFEST_FILE } from '../src/format/layout.ts';
import { type Manifest, parseManifest } from '../src/format/manifest.ts';
import { LIMITS } from '../src/limits.ts';
import { fromSystemError, UserError } from './user-error.ts';

/** @throws UserError, with the fix, if `path` is not a model directory or its manifest is damaged. */
export function readManifest(path: string): Manifest {
  const file = join(path, MANIFEST_FILE);
  try {
    const stat = statSync(file, { throwIfNoEntry: false });
    if (stat === undefined)
      throw new UserError(
        `${path}: no ${MANIFEST_FILE}, so not a model; make one with m3edge model pull or m3edge model convert`,
      );
    if (stat.size > LIMITS.manifestBytes)
      throw new UserError(
        `${file}: ${stat.size} bytes, at most ${LIMITS.manifestBytes} are read; convert the model again`,
      );
    return parseManifest(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof ServiceError)
      throw new UserError(`${path}: ${error.message}; convert the model again`, { cause: error });
    throw fromSystemError(error);
  }
}
