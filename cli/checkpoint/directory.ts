import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../user-error.ts';
import { openByteSource } from './byte-source.ts';
import type { Checkpoint } from './checkpoint.ts';
import { openSafetensors } from './safetensors.ts';
import { openSharded } from './sharded.ts';
import { type Json, parseStrictJson } from './strict-json.ts';
import { openTorchZip } from './torch-zip.ts';

/** Where an encoder's weights may lie, best first. */
const WEIGHT_FILES = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
] as const;

/** config.json has 1 KB, an index 40 KB. */
const MAX_JSON_BYTES = 8 * 1024 * 1024;

/** A Hugging Face model directory. */
export interface CheckpointDirectory {
  readJson(file: string): Json;
  /** @throws UserError if none of the known weight files is there. */
  openEncoder(): Promise<Checkpoint>;
  /** @param file `sparse_linear.pt` or `colbert_linear.pt`. */
  openHead(file: string): Promise<Checkpoint>;
  /** The first of these files that is there. */
  find(...files: readonly string[]): string | undefined;
  /** @throws UserError if the file is longer than `maxBytes`. */
  readBytes(file: string, maxBytes: number): Uint8Array;
}

/** @throws UserError unless `path` is a directory. */
export function openCheckpointDirectory(path: string): CheckpointDirectory {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UserError(`${path}: not a directory; give the folder that holds config.json and the weights`);
  }
  const find = (...files: readonly string[]) => files.find((file) => existsSync(join(path, file)));
  const readBytes = (file: string, maxBytes: number): Uint8Array => {
    const stat = statSync(join(path, file), { throwIfNoEntry: false });
    if (stat === undefined) throw new UserError(`${file}: not there; a checkpoint needs it`);
    if (!stat.isFile()) throw new UserError(`${file}: not a regular file`);
    if (stat.size > maxBytes) throw new UserError(`${file}: ${stat.size} bytes, at most ${maxBytes} are read`);
    return readFileSync(join(path, file));
  };
  const readJson = (file: string) => parseStrictJson(readBytes(file, MAX_JSON_BYTES), file);
  const openTensors = async (file: string): Promise<Checkpoint> => {
    const source = openByteSource(join(path, file), file);
    try {
      return file.endsWith('.safetensors') ? openSafetensors(source) : await openTorchZip(source);
    } catch (error) {
      source.close();
      throw error;
    }
  };
  const openPart = (file: string) => {
    if (find(file) === undefined) throw new UserError(`${file}: not there, but the index names it; download it`);
    return openTensors(file);
  };
  return {
    find,
    readBytes,
    readJson,
    async openEncoder() {
      const file = find(...WEIGHT_FILES);
      if (file === undefined)
        throw new UserError(`${path}: no weights; looked for ${WEIGHT_FILES.join(', ')} (ONNX and GGUF are not read)`);
      return file.endsWith('.json') ? openSharded(readJson(file), file, openPart) : openTensors(file);
    },
    async openHead(file) {
      if (find(file) === undefined) {
        throw new UserError(
          `${file}: not there; M3's heads lie beside the encoder: download it from the model's repository`,
        );
      }
      return openTensors(file);
    },
  };
}
