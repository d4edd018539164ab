import { MANIFEST_FILE } from '../format/layout.ts';
import type { FileEntry } from '../format/manifest.ts';

/** A manifest's. */
export type Files = Readonly<Record<string, FileEntry>>;

/**
 * An object's key in a bucket: `sha256/<digest>` for a shard, `<model>/manifest.json` for the manifest. With digests as keys a new revision never
 * touches what running isolates read, shares what it has in common with others, and is switched on by writing one object.
 */
export function objectKey(model: string, name: string, files: Files): string {
  return name === MANIFEST_FILE ? `${model}/${MANIFEST_FILE}` : `sha256/${files[name]!.sha256}`;
}
