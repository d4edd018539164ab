import { join, resolve } from 'node:path';
import { UserError } from '../user-error.ts';
import type { BucketAccess } from './bucket.ts';

/** Where `wrangler dev` keeps what its bindings store, below the project's directory. */
export const LOCAL_STATE = '.wrangler/state';

/**
 * Opens the R2 that `wrangler dev` serves from disk, by the same API as the real one.
 *
 * @param state As `wrangler dev --persist-to` takes it.
 * @returns How to reach it, until `close`.
 */
export async function openLocalR2(
  bucket: string,
  state: string,
): Promise<{ readonly access: BucketAccess; close(): Promise<void> }> {
  const { Miniflare } = await import('miniflare').catch((cause) => {
    throw new UserError('--local needs miniflare, which comes with wrangler: npm install --save-dev wrangler', {
      cause,
    });
  });
  const keys = { accessKeyId: 'local', secretAccessKey: 'local' };
  const modules = { 'worker.js': { type: 'esm', contents: 'export default {}' } } as const;
  const miniflare = new Miniflare({
    resourcePersistencePath: join(resolve(state), 'v3'),
    workers: [
      {
        config: {
          name: 'upload',
          compatibilityDate: '2026-01-01',
          manifest: { mainModule: 'worker.js', modules },
          env: { BUCKET: { type: 'r2', name: bucket, dev: { experimentalS3Credentials: keys } } },
        },
      },
    ],
  });
  const url = await miniflare.ready;
  return {
    access: { ...keys, bucket, endpoint: new URL('/cdn-cgi/local/r2/s3', url).href },
    close: () => miniflare.dispose(),
  };
}
