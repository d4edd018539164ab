import { UserError } from '../../cli/user-error.ts';

/** From the database of documents to the schedule, as wrangler.toml says at its [[d1_databases]]. */
const DOCUMENTS = /^\[\[d1_databases\]\][\s\S]*?^crons = .*\n/m;

/** wrangler.toml less what documents need: the Worker then embeds and scores, and stores nothing. @throws UserError where it has been reordered. */
export function withoutDocuments(settings: string): string {
  if (!DOCUMENTS.test(settings))
    throw new UserError(
      'wrangler.toml: nothing from [[d1_databases]] to crons to leave out; deploy without --without-documents',
    );
  return settings.replace(DOCUMENTS, '');
}
