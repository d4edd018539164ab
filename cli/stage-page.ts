import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './installation.ts';

/** As `readPage` of `src/create-worker.ts`. */
const WHERE_THE_WORKER_LOOKS = 'page';
const BUILT_PAGE = 'build/page'; // by scripts/build-page.ts

/** Puts the page's files where the Worker finds them among its assets, in place of an earlier version's. */
export function stagePage(assets: string): void {
  const target = join(assets, WHERE_THE_WORKER_LOOKS);
  rmSync(target, { recursive: true, force: true });
  cpSync(join(projectRoot, BUILT_PAGE), target, { recursive: true });
}
