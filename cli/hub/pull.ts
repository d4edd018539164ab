import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expectedFiles, type ModelShape } from '../../src/format/expected-files.ts';
import { planMixedTypes } from '../calibrate/mixed.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openCheckpointDirectory } from '../checkpoint/directory.ts';
import { parseEncoderConfig } from '../checkpoint/encoder-config.ts';
import { type ConvertOptions, planModel } from '../convert/convert.ts';
import { openHeads, openTokenizer } from '../convert/open-checkpoint.ts';
import { buildTokenizer } from '../convert/tokenizer.ts';
import { UserError } from '../user-error.ts';
import type { HubAccess } from './access.ts';
import { chooseFiles, isCheckpointFile } from './choose-files.ts';
import { bytesThere, downloadFile, isWhole, partName } from './download.ts';
import { checkFreeSpace, type Disk, diskAt } from './free-space.ts';
import { type HubFile, openRepository } from './hub.ts';
import { PATIENCE, type Patience } from './patience.ts';

export interface PullOptions {
  readonly access: HubAccess;
  /** `org/name` */
  readonly repository: string;
  readonly revision: string;
  /** Where the checkpoint's files are put. */
  readonly directory: string;
  /** Whether nobody else keeps files there: what is not the Hub's is then removed. */
  readonly isOurs: boolean;
  /** What will be made of it: refused before the weights come where that cannot be. */
  readonly conversion: Pick<ConvertOptions, 'outDir' | 'preset' | 'budgetBytes'>;
  /** Called before the first byte comes with those that are there, then with each. */
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
  /** Called with bytes that are there from an earlier call; they are among those done. */
  readonly onThere?: (bytes: number) => void;
  readonly signal: AbortSignal;
  readonly patience?: Patience;
  readonly getDisk?: (path: string) => Disk;
}

/**
 * Downloads what a conversion needs of a repository, every file with the Hub's own digest. The weights come last and are converted when they are
 * all there: a torch zip has its directory at its end, calibration reads the word table first and layers in their order, and at 100 MB/s the download
 * of 2.3 GB takes as long as the plain conversion of what it brings.
 *
 * @returns The commit that was downloaded.
 * @throws UserError. What has come by then stays in `directory`, and a later call goes on from there.
 */
export async function pullCheckpoint(options: PullOptions): Promise<string> {
  const { access, directory, isOurs, conversion, onProgress, signal, patience = PATIENCE, getDisk = diskAt } = options;
  const repository = await openRepository(access, options.repository, options.revision, patience, signal);
  const { small, weights } = chooseFiles(repository);
  mkdirSync(directory, { recursive: true });
  const all = [...small, ...weights];
  dropForeign(directory, all, isOurs);

  const totalBytes = sum(all);
  let doneBytes = 0;
  const onBytes = (bytes: number) => {
    doneBytes += bytes;
    onProgress(doneBytes, totalBytes);
  };
  const onThere = (bytes: number) => {
    options.onThere?.(bytes);
    onBytes(bytes);
  };
  const download = async (files: readonly HubFile[]) => {
    for (const file of files) {
      if (existsSync(join(directory, file.path))) continue;
      await downloadFile(repository, file, directory, { patience, signal, onBytes, onThere });
    }
  };
  onThere(sum(all.filter(({ path }) => existsSync(join(directory, path)))));
  await download(small);
  const modelBytes = await planConversion(directory, repository.name, conversion);
  const missingBytes = sum(weights) - weights.reduce((bytes, file) => bytes + bytesThere(directory, file), 0);
  checkFreeSpace(
    [
      { path: directory, bytes: missingBytes },
      { path: conversion.outDir, bytes: modelBytes },
    ],
    getDisk,
  );
  await download(weights);
  return repository.commit;
}

/**
 * Whatever the conversion could take for one of these files: another revision's, or another repository's weights in a format that it prefers. Ours is
 * cleared of everything else.
 *
 * @throws UserError naming one in a directory of the user's.
 */
function dropForeign(directory: string, files: readonly HubFile[], isOurs: boolean): void {
  const chosen = new Map(files.map((file) => [file.path, file]));
  const parts = new Set(files.map(partName));
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const file = chosen.get(name);
    if (parts.has(name) || (file !== undefined && isWhole(path, file))) continue;
    if (isOurs) rmSync(path, { recursive: true });
    else if (isCheckpointFile(name))
      throw new UserError(`${path}: there already, and not the Hub's; remove it, or keep the files elsewhere`);
  }
}

/** @returns Bytes of the model directory there will be. @throws UserError for whatever the converter would refuse of the small files. */
async function planConversion(
  directory: string,
  upstream: string,
  { preset, budgetBytes }: PullOptions['conversion'],
): Promise<number> {
  const checkpoint = openCheckpointDirectory(directory);
  const config = parseEncoderConfig(checkpoint.readJson('config.json'), upstream);
  const opened: Checkpoint[] = [];
  try {
    const { architecture } = await openHeads(checkpoint, config, opened);
    const tokenizer = openTokenizer(checkpoint, config, buildTokenizer);
    if (preset === 'auto') planMixedTypes(architecture, [], budgetBytes ?? 0);
    return modelBytesOf(planModel(architecture, preset === 'q4' ? 'q4' : 'q8')) + tokenizer.bytes.length;
  } finally {
    for (const head of opened) head.close();
  }
}

function modelBytesOf(shape: ModelShape): number {
  let bytes = 0;
  for (const [, fileBytes] of expectedFiles(shape)) bytes += fileBytes;
  return bytes;
}

const sum = (files: readonly HubFile[]) => files.reduce((total, { bytes }) => total + bytes, 0);
