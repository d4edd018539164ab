import type { Database } from '../documents/database.ts';
import { ServiceError } from '../errors.ts';
import type { RouteDeps } from './deps.ts';

/** @throws ServiceError `not_found` where the deployment has no database. */
export function needDatabase({ database }: RouteDeps): Database {
  if (database) return database;
  throw new ServiceError('not_found', 'this deployment has no database: bind DOCUMENTS, as docs/documents.md shows');
}
