import { parseArgs } from 'node:util';
import { UserError } from '../../cli/user-error.ts';

/** What `npm run deploy` needs to know before wrangler runs. */
export interface Deployment {
  /** Of the environment of wrangler.toml that is deployed, overridden by `--var`. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly allowAnonymous: boolean;
  readonly withoutDocuments: boolean;
  readonly isRehearsal: boolean;
  /** Whether a D1 database is bound by the name that stands in wrangler.toml for an id. */
  readonly hasPlaceholder: boolean;
  readonly assets: string | undefined;
  /** Everything but our own options, the environment named. */
  readonly wranglerArgs: readonly string[];
}

interface ConfigQuery {
  readonly config?: string;
  readonly env?: string;
}

interface Settings {
  readonly vars: Readonly<Record<string, unknown>>;
  readonly d1_databases: readonly { readonly database_id?: string; readonly database_name?: string }[];
}

/** Options that wrangler does not know, and `--assets`, which is staged first. */
const OURS: readonly string[] = ['allow-anonymous', 'without-documents', 'assets'];

/** @param readConfig wrangler's own. */
export function parseDeployment(args: readonly string[], readConfig: (query: ConfigQuery) => Settings): Deployment {
  const { values, tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: {
      'allow-anonymous': { type: 'boolean' },
      'without-documents': { type: 'boolean' },
      'dry-run': { type: 'boolean' },
      assets: { type: 'string' },
      config: { type: 'string', short: 'c' },
      env: { type: 'string', short: 'e' },
      var: { type: 'string', multiple: true },
    },
  });
  const text = (name: 'assets' | 'config' | 'env') => values[name] as string | undefined;
  const { config, env } = { config: text('config'), env: text('env') };
  const { vars, d1_databases } = readConfig({ ...(config && { config }), ...(env && { env }) });
  const variables = Object.fromEntries(Object.entries(vars).map(([name, value]) => [name, String(value)]));
  for (const assignment of (values.var ?? []) as string[]) {
    const colon = assignment.indexOf(':');
    variables[assignment.slice(0, colon)] = assignment.slice(colon + 1);
  }
  const ours = new Set<number>();
  for (const token of tokens) {
    if (token.kind !== 'option' || !OURS.includes(token.name)) continue;
    ours.add(token.index);
    if (token.name === 'assets' && !token.inlineValue) ours.add(token.index + 1);
  }
  const rest = args.filter((_, index) => !ours.has(index));
  // Without it wrangler warns that there are several environments.
  const wranglerArgs = env === undefined ? [...rest, '--env='] : rest;
  return {
    variables,
    allowAnonymous: values['allow-anonymous'] === true,
    withoutDocuments: values['without-documents'] === true,
    isRehearsal: values['dry-run'] === true,
    hasPlaceholder: d1_databases.some(({ database_id: id, database_name: name }) => id === name),
    assets: text('assets'),
    wranglerArgs,
  };
}

/**
 * Without the secret API_KEYS a Worker answers nobody, so what can be open by oversight is ALLOW_ANONYMOUS alone; whether there are keys only
 * the account knows.
 *
 * @throws UserError where everybody may call and nobody has said so here.
 */
export function refuseOpenWorker({
  variables,
  allowAnonymous,
}: Pick<Deployment, 'variables' | 'allowAnonymous'>): void {
  const { ALLOW_ANONYMOUS: anonymous = '' } = variables;
  if (anonymous === '' || anonymous === 'false') return;
  if (anonymous !== 'true' && anonymous !== 'read')
    throw new UserError(
      `ALLOW_ANONYMOUS is ${JSON.stringify(anonymous)}, which is for local work: a deployed Worker takes true (everybody may read) or nothing`,
    );
  if (!allowAnonymous)
    throw new UserError(
      'ALLOW_ANONYMOUS is true: whoever finds the Worker may spend your CPU time. Empty it and set API_KEYS (docs/deploy.md), or say npm run deploy -- --allow-anonymous',
    );
}

/** @throws UserError where documents have no database yet: Cloudflare would say so less clearly, after the upload. */
export function refusePlaceholder(deployment: Deployment): void {
  if (!deployment.hasPlaceholder || deployment.withoutDocuments || deployment.isRehearsal) return;
  throw new UserError(
    'wrangler.toml: database_id is still the placeholder; npx wrangler d1 create m3edge-documents prints yours, and docs/deploy.md says what else documents need. To only embed and score: npm run deploy -- --without-documents',
  );
}
