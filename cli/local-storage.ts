import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Miniflare } from 'miniflare';
import { UserError } from './user-error.ts';

/** Where `wrangler dev` keeps what its bindings store, below the project's directory. */
export const LOCAL_STATE = '.wrangler/state';

/** A binding to what `wrangler dev` keeps on disk. */
export type LocalBinding =
  | { readonly type: 'd1'; readonly id: string }
  | { readonly type: 'r2'; readonly name: string; readonly dev: { readonly experimentalS3Credentials: S3Keys } };

interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/**
 * The storage of `wrangler dev`, by what wrangler itself serves it with, in less than half of wrangler's time.
 *
 * @param state As `wrangler dev --persist-to` takes it.
 * @returns To be disposed of.
 */
export async function openLocalStorage(state: string, name: string, binding: LocalBinding): Promise<Miniflare> {
  const { Miniflare } = await import('miniflare').catch((cause) => {
    throw new UserError('this needs miniflare, which comes with wrangler; npm install wrangler@4', { cause });
  });
  const modules = { 'worker.js': { type: 'esm', contents: 'export default {}' } } as const;
  return new Miniflare({
    resourcePersistencePath: join(resolve(state), 'v3'),
    workers: [
      {
        config: {
          name: 'storage',
          compatibilityDate: '2026-01-01',
          manifest: { mainModule: 'worker.js', modules },
          env: { [name]: binding },
        },
      },
    ],
  });
}

/** Two that open one state at the same moment can lock each other out, and workerd ends where its own database is locked. */
const ATTEMPTS = 6;
const PAUSE_MS = 150;

/** Does it again where another process was at the state; what is opened in it must be closed where it fails. */
export async function againWhileLocked<Value>(work: () => Promise<Value>): Promise<Value> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (cause) {
      if (!isLocked(cause) || attempt === ATTEMPTS) throw cause;
      await sleep(PAUSE_MS * attempt * (0.5 + Math.random()));
    }
  }
}

/** workerd's own failure says so in its code alone, a database's in its words. */
function isLocked(cause: unknown): boolean {
  const { code, message } = cause as { code?: string; message?: string };
  return code === 'ERR_RUNTIME_FAILURE' || /SQLITE_BUSY|database is locked|fetch failed|ECONNRE/.test(message ?? '');
}
