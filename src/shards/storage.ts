import { ServiceError } from '../errors.ts';
import { assetsSource } from './assets.ts';
import { createBreaker } from './breaker.ts';
import { cached } from './cached.ts';
import { type Fetch, httpSource } from './http.ts';
import { type Files, objectKey } from './object-key.ts';
import { patient } from './patient.ts';
import { r2Source } from './r2.ts';
import type { ShardSource } from './source.ts';

/** Where a model lies. Its manifest names the files, and may have to be read to know where they are. */
export interface Storage {
  readonly manifest: ShardSource;
  shards(files: Files): ShardSource;
}

/** What a Worker may be bound to. */
export interface StorageBindings {
  readonly assets: { readonly fetch: Fetch };
  readonly bucket: Pick<R2Bucket, 'get'> | undefined;
  readonly fetch: Fetch;
}

/** Where `m3edge dev` and `npm run deploy` stage the model among the assets. */
const ASSETS_DIRECTORY = 'model';
const R2_SCHEME = 'r2:';

/**
 * Opens what MODEL_SOURCE names, with a patience for each read, and a breaker where storage is not the Worker's own.
 *
 * @param place `assets`; `r2:NAME`, as `m3edge model upload --name NAME` put it there; or the URL of a model directory.
 * @throws ServiceError `model_unavailable` where the configuration is wrong.
 */
export function openStorage(place: string, bindings: StorageBindings): Storage {
  if (place === 'assets') return directory(patient(assetsSource(bindings.assets, ASSETS_DIRECTORY)));
  if (place.startsWith(R2_SCHEME)) {
    const { bucket } = bindings;
    if (!bucket) throw misconfigured('is in R2, but no bucket is bound as MODELS');
    return inBucket(bucket, place.slice(R2_SCHEME.length));
  }
  if (/^https?:\/\/[^?#]+$/.test(place)) {
    const baseUrl = place.endsWith('/') ? place : `${place}/`;
    return directory(createBreaker()(patient(httpSource(bindings.fetch, baseUrl))));
  }
  throw misconfigured('must be assets, r2:NAME, or a URL without a query');
}

/** Leaves copies of a storage's shards in a cache; never of the manifest, which is how a new revision is seen. */
export function withCache(
  storage: Storage,
  cache: Pick<Cache, 'match' | 'put' | 'delete'>,
  waitUntil: (stored: Promise<unknown>) => void,
): Storage {
  return { ...storage, shards: (files) => cached(storage.shards(files), cache, { files, waitUntil }) };
}

const directory = (source: ShardSource): Storage => ({ manifest: source, shards: () => source });

/** Shards lie under their digests, the manifest under the model's name. */
function inBucket(bucket: Pick<R2Bucket, 'get'>, model: string): Storage {
  const guard = createBreaker();
  const open = (files: Files) => guard(patient(r2Source(bucket, (name) => objectKey(model, name, files))));
  return { manifest: open({}), shards: open };
}

function misconfigured(problem: string): ServiceError {
  return new ServiceError('model_unavailable', `MODEL_SOURCE ${problem}; correct it in wrangler.toml`);
}
