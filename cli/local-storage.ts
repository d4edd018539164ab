import { join, resolve } from 'node:path';
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
