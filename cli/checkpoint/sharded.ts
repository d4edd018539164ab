import { UserError } from '../user-error.ts';
import type { Checkpoint, TensorInfo } from './checkpoint.ts';
import { isJsonObject, type Json } from './strict-json.ts';

/** Files of one checkpoint; the largest models on the Hub have some hundred. */
const MAX_PARTS = 64;

/**
 * Joins the files that a Hugging Face index (`*.index.json`) names into one checkpoint.
 *
 * @param name The index file, for errors.
 * @param openPart Opens a file beside the index.
 * @throws UserError if the index names a path, or a tensor is not in the file it is said to be in.
 */
export async function openSharded(
  json: Json,
  name: string,
  openPart: (file: string) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  const weightMap = isJsonObject(json) ? json.weight_map : undefined;
  if (!isJsonObject(weightMap)) throw new UserError(`${name}: no object "weight_map"`);
  const parts = new Map<string, Checkpoint>();
  const close = () => {
    for (const part of parts.values()) part.close();
  };
  try {
    const tensors = new Map<string, TensorInfo>();
    const owners = new Map<string, Checkpoint>();
    for (const [tensor, file] of Object.entries(weightMap)) {
      if (typeof file !== 'string' || !/^[A-Za-z0-9][\w.-]*\.(?:safetensors|bin)$/.test(file)) {
        throw new UserError(
          `${name}: ${JSON.stringify(tensor)} is in ${JSON.stringify(file)}, wanted the name of a file beside it`,
        );
      }
      if (!parts.has(file) && parts.size === MAX_PARTS) throw new UserError(`${name}: more than ${MAX_PARTS} files`);
      const part = parts.get(file) ?? (await openPart(file));
      parts.set(file, part);
      const info = part.tensors.get(tensor);
      if (info === undefined) throw new UserError(`${name}: ${file} has no tensor ${JSON.stringify(tensor)}`);
      tensors.set(tensor, info);
      owners.set(tensor, part);
    }
    return {
      name,
      tensors,
      readRows(tensor, startRow, rowCount, into) {
        const owner = owners.get(tensor);
        if (owner === undefined) throw new RangeError(`${name}: no tensor ${tensor}`);
        owner.readRows(tensor, startRow, rowCount, into);
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}
