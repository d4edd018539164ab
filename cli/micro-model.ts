import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MANIFEST_FILE } from '../src/format/layout.ts';
import { convertCheckpoint } from './convert/convert.ts';
import { buildTokenizer } from './convert/tokenizer.ts';
import { UserError } from './user-error.ts';

/**
 * Until a default model is at hand: the test fixture, whose weights are random, converted once into .m3edge/micro-m3.
 *
 * @returns The model directory.
 * @throws UserError where there is no fixture, as in an installed package.
 */
export async function makeMicroModel(projectRoot: string): Promise<string> {
  const directory = join(projectRoot, '.m3edge/micro-m3');
  if (existsSync(join(directory, MANIFEST_FILE))) return directory;
  const checkpoint = join(projectRoot, 'test/fixtures/micro-m3');
  if (!existsSync(checkpoint)) {
    throw new UserError('no model; name one with --model DIR, or make one: m3edge model convert CHECKPOINT --out DIR');
  }
  process.stderr.write('no model found: converting test/fixtures/micro-m3 once\n');
  await convertCheckpoint({
    checkpoint,
    outDir: directory,
    preset: 'q8',
    name: 'micro-m3',
    licence: 'MIT',
    buildTokenizer,
  });
  return directory;
}
