import { ServiceError } from '../errors.ts';
import { pump } from './pump.ts';
import type { ShardSource } from './source.ts';

export type Fetch = (url: string, init: { signal: AbortSignal | null }) => Promise<Response>;

/**
 * Shards as files under a URL.
 *
 * @param fetch As the global one; an assets binding's does as well.
 * @param baseUrl Ends with a slash.
 */
export function httpSource(fetch: Fetch, baseUrl: string): ShardSource {
  return {
    async readInto(name, write, signal) {
      const response = await request(fetch, baseUrl + name, name, signal);
      const problem = describeProblem(response, name);
      if (problem) {
        await response.body?.cancel();
        throw problem;
      }
      await pump(response.body!, name, write, signal);
    },
  };
}

async function request(fetch: Fetch, url: string, name: string, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { signal: signal ?? null });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new ServiceError('model_unavailable', `${name}: storage does not answer; try again`, { cause });
  }
}

/** A page answered in place of a missing file, as for single-page applications, has status 200. */
function describeProblem({ status, headers, body }: Response, name: string): ServiceError | undefined {
  const isPage = headers.get('content-type')?.startsWith('text/html') ?? false;
  if (status === 404 || (status === 200 && isPage)) {
    return new ServiceError('model_shard_missing', `no shard ${name}; stage and deploy the model again`);
  }
  if (status !== 200 || !body) {
    return new ServiceError('model_unavailable', `${name}: storage answers with status ${status}; try again`);
  }
}
