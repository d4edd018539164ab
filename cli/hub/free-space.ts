import { existsSync, statfsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { formatBytes } from '../format.ts';
import { UserError } from '../user-error.ts';

export interface Disk {
  /** The same number for paths on the same disk. */
  readonly device: number;
  readonly freeBytes: number;
}

/** Of the nearest directory that is there. */
export function diskAt(path: string): Disk {
  let directory = resolve(path);
  while (!existsSync(directory)) directory = dirname(directory);
  const { bavail, bsize } = statfsSync(directory);
  return { device: statSync(directory).dev, freeBytes: bavail * bsize };
}

/** @param needs Each place and what will be written there. @throws UserError naming a disk that has less. */
export function checkFreeSpace(
  needs: readonly { readonly path: string; readonly bytes: number }[],
  getDisk: (path: string) => Disk = diskAt,
): void {
  const disks = new Map<number, { path: string; bytes: number; freeBytes: number }>();
  for (const { path, bytes } of needs) {
    const { device, freeBytes } = getDisk(path);
    const disk = disks.get(device) ?? { path, bytes: 0, freeBytes };
    disks.set(device, { ...disk, bytes: disk.bytes + bytes });
  }
  for (const { path, bytes, freeBytes } of disks.values()) {
    if (freeBytes < bytes)
      throw new UserError(
        `${path}: ${formatBytes(bytes)} are needed, the disk has ${formatBytes(freeBytes)} free; make room, or choose another --out`,
      );
  }
}
