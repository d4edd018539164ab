import { againWhileLocked, openLocalStorage } from '../local-storage.ts';
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
  const binding = { type: 'r2', name: bucket, dev: { experimentalS3Credentials: keys } } as const;
  const [storage, url] = await againWhileLocked(async () => {
    const storage = await openLocalStorage(state, 'BUCKET', binding);
    try {
      return [storage, await storage.ready] as const;
    } catch (error) {
      await storage.dispose().catch(() => {}); // it fails for the same reason
      throw error;
    }
  });
  return {
    access: { ...keys, bucket, endpoint: new URL('/cdn-cgi/local/r2/s3', url).href },
    close: () => storage.dispose(),
  };
}
