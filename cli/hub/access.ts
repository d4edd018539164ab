import http from 'node:http';
import { UserError } from '../user-error.ts';

/** Which Hub is asked, and as whom. */
export interface HubAccess {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly token?: string | undefined;
}

const DEFAULT_ENDPOINT = 'https://huggingface.co';

/** HF_ENDPOINT and HF_TOKEN. @throws UserError where either cannot be what it should. */
export function readHubAccess({ HF_ENDPOINT, HF_TOKEN }: NodeJS.ProcessEnv): HubAccess {
  const endpoint = (HF_ENDPOINT || DEFAULT_ENDPOINT).replace(/\/+$/, '');
  const url = URL.parse(endpoint);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash)
    throw new UserError('HF_ENDPOINT must be a URL such as https://huggingface.co');
  const token = HF_TOKEN?.trim();
  // The value itself stays out of the message.
  if (token && !/^[\x21-\x7e]+$/.test(token)) throw new UserError('HF_TOKEN holds characters that no token has');
  return { endpoint, token: token || undefined };
}

const PROXY_VARIABLES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'];

/**
 * Has `fetch` go through the proxy that the environment names, if any; NO_PROXY is heeded.
 *
 * @throws UserError where this Node cannot.
 */
export function useProxyFrom(env: NodeJS.ProcessEnv): void {
  const variable = PROXY_VARIABLES.find((name) => env[name]);
  if (variable === undefined || env.NODE_USE_ENV_PROXY === '1') return;
  if (typeof http.setGlobalProxyFromEnv !== 'function') {
    throw new UserError(
      `${variable} is set, which Node ${process.version} heeds only with NODE_USE_ENV_PROXY=1 (from 22.21 on); set it, or use Node 24.14`,
    );
  }
  try {
    http.setGlobalProxyFromEnv(env);
  } catch (cause) {
    throw new UserError(`${variable} is no proxy's URL: ${(cause as Error).message}`, { cause });
  }
}
