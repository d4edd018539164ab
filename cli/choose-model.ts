import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { MANIFEST_FILE } from '../src/format/layout.ts';
import { projectRoot } from './installation.ts';
import { UserError } from './user-error.ts';

const PLACES = ['model-shards/bge-m3', 'model-shards/demo'];

/**
 * The model directory to use: `given`, else MODEL in the environment, else model-shards/bge-m3, else model-shards/demo, each in the current
 * directory or else in the project. The choice is printed to stderr.
 */
export async function chooseModel(given: string | undefined): Promise<string> {
  const { directory, reason } = await find(given);
  process.stderr.write(`model: ${directory} (${reason})\n`);
  return directory;
}

interface Choice {
  readonly directory: string;
  readonly reason: string;
}

async function find(given: string | undefined): Promise<Choice> {
  if (given !== undefined) return { directory: given, reason: '--model' };
  const { MODEL } = process.env;
  if (MODEL) return { directory: MODEL, reason: 'MODEL' };
  for (const place of PLACES) {
    for (const directory of [place, relative('', join(projectRoot, place))]) {
      if (existsSync(join(directory, MANIFEST_FILE))) return { directory, reason: 'the default' };
    }
  }
  throw new UserError('no model; name one with --model DIR, or make one: m3edge model pull, or m3edge model demo');
}
