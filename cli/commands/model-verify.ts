import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { fingerprintOf } from '../../src/format/fingerprint.ts';
import type { FileEntry } from '../../src/format/manifest.ts';
import { formatBytes } from '../format.ts';
import { readManifest } from '../model-directory.ts';
import { createNodeEmbedder } from '../node-embedder.ts';
import { createProgress } from '../progress.ts';
import { createCounter } from '../progress-counter.ts';
import { BGE_M3_PUBLISHED } from '../published/bge-m3.ts';
import { comparePublished } from '../published/compare.ts';
import { reportPublished } from '../published/report.ts';
import { UserError } from '../user-error.ts';

const PUBLISHED_MODEL = 'BAAI/bge-m3';

export const verifyCommand = defineCommand({
  meta: {
    name: 'verify',
    description: `Check the length and sha256 of every file of a model directory; of ${PUBLISHED_MODEL} also what it answers, against published outputs`,
  },
  args: { dir: { type: 'positional', required: true, description: 'Model directory' } },
  async run({ args }) {
    const manifest = readManifest(args.dir);
    const progress = createProgress('verify');
    const bad = findBadFiles(args.dir, manifest.files, progress.update);
    progress.end();
    const count = Object.keys(manifest.files).length;
    if (bad.length > 0) {
      throw new UserError(
        `${bad.join('\n')}\n${bad.length} of ${count} files are damaged: convert or download the model again`,
      );
    }
    const bytes = Object.values(manifest.files).reduce((sum, file) => sum + file.bytes, 0);
    console.log(
      `${args.dir}: all ${count} files (${formatBytes(bytes)}) are as the manifest says; fingerprint ${await fingerprintOf(manifest)}`,
    );
    if (manifest.model.upstream === PUBLISHED_MODEL) await checkPublished(args.dir);
  },
});

/** @throws UserError where the model answers as another one would. */
async function checkPublished(directory: string): Promise<void> {
  const counter = createCounter('texts');
  const embedder = await createNodeEmbedder(directory);
  const { lines, isModel } = reportPublished(await comparePublished(embedder, BGE_M3_PUBLISHED, counter.update));
  counter.end();
  for (const line of lines) console.log(line);
  if (!isModel) {
    throw new UserError(
      `${directory}: does not answer as ${PUBLISHED_MODEL} does; is the checkpoint that model? Pull it again: m3edge model pull`,
    );
  }
}

/** One line for every file that is not what the manifest says. */
export function findBadFiles(
  directory: string,
  files: Readonly<Record<string, FileEntry>>,
  onProgress: (doneBytes: number, totalBytes: number) => void = () => {},
): string[] {
  const bad: string[] = [];
  const totalBytes = Object.values(files).reduce((sum, file) => sum + file.bytes, 0);
  let doneBytes = 0;
  for (const [name, file] of Object.entries(files)) {
    const problem = findProblem(join(directory, name), file);
    if (problem !== undefined) bad.push(`${name}: ${problem}`);
    doneBytes += file.bytes;
    onProgress(doneBytes, totalBytes);
  }
  return bad;
}

function findProblem(path: string, { bytes, sha256 }: FileEntry): string | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return 'not there';
    if (!stat.isFile()) return 'not a regular file';
    if (stat.size !== bytes) return `${stat.size} bytes, the manifest says ${bytes}`;
    const found = createHash('sha256').update(readFileSync(path)).digest('hex');
    if (found !== sha256) return `sha256 ${found.slice(0, 12)}..., the manifest says ${sha256.slice(0, 12)}...`;
  } catch (error) {
    return `cannot be read: ${(error as Error).message}`;
  }
}
