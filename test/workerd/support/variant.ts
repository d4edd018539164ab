import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Manifest } from '../../../src/format/manifest.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends object ? Mutable<T[K]> : T[K] };

/**
 * A copy of a model directory with something changed, whose manifest fits it: what the converter would never write, but storage would hand over
 * without a sign.
 *
 * @param change May change the files on disk and the manifest's other fields; digests are made anew for the files that are listed.
 */
export function variantOf(
  model: string,
  change: (manifest: Mutable<Manifest>, edit: (file: string, change: (bytes: Buffer) => void) => void) => void,
): string {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-variant-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  cpSync(model, directory, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8'));
  change(manifest, (file, changeBytes) => {
    const bytes = readFileSync(join(directory, file));
    changeBytes(bytes);
    writeFileSync(join(directory, file), bytes);
    manifest.files[file].sha256 = createHash('sha256').update(bytes).digest('hex');
  });
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify(manifest));
  return directory;
}
