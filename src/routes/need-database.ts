import type { Database } from '../documents/database.ts';
import type { Reembedding } from '../documents/reembedding.ts';
import { ServiceError } from '../errors.ts';
import type { RouteDeps } from './deps.ts';

/** @throws ServiceError `not_found` where the deployment has no database. */
export function needDatabase({ database, reembedding }: RouteDeps): {
  readonly db: Database;
  readonly reembedding: Reembedding;
} {
  if (database && reembedding) return { db: database, reembedding };
  throw new ServiceError('not_found', 'this deployment has no database: bind DOCUMENTS, as docs/documents.md shows');
}
