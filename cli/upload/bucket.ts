import { AwsClient } from 'aws4fetch';
import { UserError } from '../user-error.ts';

/** An object store with S3's API, as far as an upload needs it. */
export interface Bucket {
  /**
   * Key → bytes of every object whose key begins so.
   *
   * @param pageKeys Keys asked for at once.
   */
  list(prefix: string, pageKeys?: number): Promise<ReadonlyMap<string, number>>;
  /** @param sha256 64 hex digits; the store refuses a body that has another one. */
  put(key: string, body: Uint8Array<ArrayBuffer>, sha256: string): Promise<void>;
}

export interface BucketAccess {
  /** Without the bucket's name: `https://ACCOUNT.r2.cloudflarestorage.com`. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const REQUEST_TIMEOUT_MS = 120_000;
const ATTEMPTS = 4;
const BACKOFF_MS = 250;
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** @throws UserError, from every call, where the store refuses it, or does not answer four times. */
export function openBucket({ endpoint, bucket, ...keys }: BucketAccess): Bucket {
  const client = new AwsClient({ ...keys, service: 's3', region: 'auto', retries: 0 });
  const root = `${endpoint.replace(/\/$/, '')}/${encodeURIComponent(bucket)}`;

  const send = async (url: string, init: RequestInit, sha256: string): Promise<string> => {
    for (let attempt = 1; ; attempt++) {
      const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
      const headers = { 'x-amz-content-sha256': sha256 };
      const answer = await client.fetch(url, { ...init, headers, signal }).then(
        async (response) => ({ status: response.status, text: await response.text() }),
        (error: Error) => ({ status: 0, text: error.message }),
      );
      if (answer.status >= 200 && answer.status < 300) return answer.text;
      const isPassing = answer.status === 0 || answer.status === 429 || answer.status >= 500;
      if (!isPassing || attempt === ATTEMPTS) throw explain(answer, bucket, endpoint);
      await new Promise((resolve) => setTimeout(resolve, BACKOFF_MS * 2 ** attempt * (0.5 + Math.random())));
    }
  };

  return {
    async list(prefix, pageKeys = 1000) {
      const objects = new Map<string, number>();
      let token: string | undefined;
      do {
        const query = new URLSearchParams({ 'list-type': '2', 'max-keys': String(pageKeys), prefix });
        if (token) query.set('continuation-token', token);
        const page = await send(`${root}?${query}`, { method: 'GET' }, EMPTY_SHA256);
        for (const { key, bytes } of parseContents(page)) objects.set(key, bytes);
        token = element(page, 'NextContinuationToken');
      } while (token);
      return objects;
    },
    async put(key, body, sha256) {
      await send(`${root}/${key}`, { method: 'PUT', body }, sha256);
    },
  };
}

function* parseContents(xml: string): Generator<{ key: string; bytes: number }> {
  for (const [, contents = ''] of xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
    const [key, bytes] = [element(contents, 'Key'), Number(element(contents, 'Size'))];
    if (key !== undefined && Number.isSafeInteger(bytes)) yield { key, bytes };
  }
}

/** What stands in an element that holds nothing but text. */
function element(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replace(/&(amp|lt|gt|quot|apos);/g, (_, entity: keyof typeof ENTITIES) => ENTITIES[entity]);
}
const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" } as const;

function explain({ status, text }: { status: number; text: string }, bucket: string, endpoint: string): UserError {
  if (status === 0) return new UserError(`${endpoint} does not answer (${text}); check the network and the account id`);
  const code = element(text, 'Code') ?? '';
  if (code === 'NoSuchBucket') {
    return new UserError(`there is no bucket ${bucket}; make it: npx wrangler r2 bucket create ${bucket}`);
  }
  const said = `${endpoint} answers ${status} ${code}: ${element(text, 'Message') ?? 'nothing else'}`;
  if (status === 401 || status === 403) {
    return new UserError(`${said}; the access key must be allowed to read and write objects of bucket ${bucket}`);
  }
  return new UserError(`${said}; try again, what is uploaded stays`);
}
