import { openLocalStorage } from '../local-storage.ts';
import type { BucketAccess } from './bucket.ts';

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
  const keys = { accessKeyId: 'local', secretAccessKey: 'local' };
  const storage = await openLocalStorage(state, 'BUCKET', {
    type: 'r2',
    name: bucket,
    dev: { experimentalS3Credentials: keys },
  });
  const url = await storage.ready;
  return {
    access: { ...keys, bucket, endpoint: new URL('/cdn-cgi/local/r2/s3', url).href },
    close: () => storage.dispose(),
  };
}
