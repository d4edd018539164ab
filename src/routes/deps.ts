import type { Embedder } from '../embedder.ts';
import type { Log } from './error-response.ts';

/** What every route file is given. */
export interface RouteDeps {
  /** @throws ServiceError where the model cannot be loaded; the next call tries again. */
  readonly getEmbedder: () => Promise<Embedder>;
  readonly log: Log;
}

/** What the app's own middleware has set before a route runs. */
export interface AppEnv {
  Variables: { requestId: string };
}
