import { type Fetch, httpSource } from './http.ts';
import type { ShardSource } from './source.ts';

/**
 * Shards among a Worker's static assets.
 *
 * @param directory Below the assets' root, such as `model`.
 */
export function assetsSource(assets: { readonly fetch: Fetch }, directory: string): ShardSource {
  // The binding looks at the path alone; the host is any that cannot exist.
  return httpSource((url, init) => assets.fetch(url, init), `https://assets.invalid/${directory}/`);
}
