import { isJsonObject, type Json, parseStrictJson } from '../checkpoint/strict-json.ts';
import { UserError } from '../user-error.ts';
import type { HubAccess } from './access.ts';
import { bodyOf, get } from './get.ts';
import { type Patience, withPatience } from './patience.ts';

/** A file of a repository at a commit. */
export interface HubFile {
  readonly path: string;
  readonly bytes: number;
  /** The Hub's own: sha256 of the contents where they lie in LFS, else git's sha1 of the blob. */
  readonly digest: { readonly kind: 'sha256' | 'git-sha1'; readonly hex: string };
}

export interface HubRepository {
  readonly name: string;
  /** 40 hex digits, whatever the revision was called. */
  readonly commit: string;
  /** What lies in the root directory, by name; what is described in another way than the Hub does is left out. */
  readonly files: ReadonlyMap<string, HubFile>;
  /** Asks for a file, whole or from a byte on. Answers 200, 206 or 416. */
  open(file: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response>;
}

/** BGE-M3's listing has 6 KB. */
const MAX_JSON_BYTES = 8 * 2 ** 20;
const MAX_PAGES = 50;

/**
 * Looks a repository up. Two questions, for which @huggingface/hub, with its uploads and Xet, is not needed.
 *
 * @param name `org/name`
 * @param revision A branch, tag or commit.
 * @throws UserError
 */
export async function openRepository(
  access: HubAccess,
  name: string,
  revision: string,
  patience: Patience,
  signal: AbortSignal,
): Promise<HubRepository> {
  const at = `${name} at ${revision}`;
  const api = `${access.endpoint}/api/models/${name}`;
  const ask = (url: string) =>
    withPatience(patience, signal, async (attemptSignal) => {
      const response = await get(access, url, { what: at, signal: attemptSignal });
      return { json: await readJson(response, at), next: nextPage(response, url) };
    });

  const { json: info } = await ask(`${api}/revision/${encodeURIComponent(revision)}`);
  const commit = isJsonObject(info) ? info.sha : undefined;
  if (typeof commit !== 'string' || !/^[0-9a-f]{40}$/.test(commit))
    throw new UserError(`${at}: ${access.endpoint} names no commit; is HF_ENDPOINT a Hugging Face Hub?`);

  const files = new Map<string, HubFile>();
  let url: string | undefined = `${api}/tree/${commit}`;
  for (let page = 0; url !== undefined; page++) {
    if (page === MAX_PAGES) throw new UserError(`${at}: a listing of more than ${MAX_PAGES} pages`);
    const answer: Awaited<ReturnType<typeof ask>> = await ask(url);
    if (!Array.isArray(answer.json)) throw new UserError(`${at}: the listing of its files is not a list`);
    for (const entry of answer.json) {
      const file = parseEntry(entry);
      if (file !== undefined) files.set(file.path, file);
    }
    url = answer.next;
  }
  return {
    name,
    commit,
    files,
    open: (file, headers, attemptSignal) =>
      get(access, `${access.endpoint}/${name}/resolve/${commit}/${file}`, {
        what: `${at}: ${file}`,
        headers,
        also: [416],
        signal: attemptSignal,
      }),
  };
}

function parseEntry(entry: Json): HubFile | undefined {
  if (!isJsonObject(entry) || entry.type !== 'file') return undefined;
  const { path, size, oid, lfs } = entry;
  const isCount = Number.isSafeInteger(size) && (size as number) >= 0;
  if (typeof path !== 'string' || !isCount) return undefined;
  const bytes = size as number;
  if (lfs !== undefined && lfs !== null) {
    if (!isJsonObject(lfs) || lfs.size !== bytes || typeof lfs.oid !== 'string' || !/^[0-9a-f]{64}$/.test(lfs.oid))
      return undefined;
    return { path, bytes, digest: { kind: 'sha256', hex: lfs.oid } };
  }
  if (typeof oid !== 'string' || !/^[0-9a-f]{40}$/.test(oid)) return undefined;
  return { path, bytes, digest: { kind: 'git-sha1', hex: oid } };
}

/** `Link: <url>; rel="next"`, on the same origin only: another one shall not see the token, nor decide about files. */
function nextPage(response: Response, from: string): string | undefined {
  const [, target] = /<([^>]*)>\s*;\s*rel="next"/.exec(response.headers.get('link') ?? '') ?? [];
  if (target === undefined) return undefined;
  const url = URL.parse(target, from);
  if (url === null || url.origin !== new URL(from).origin)
    throw new UserError(`${new URL(from).host} continues its listing on another host, which is not followed`);
  return url.href;
}

async function readJson(response: Response, what: string): Promise<Json> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of bodyOf(response)) {
    bytes += chunk.length;
    if (bytes > MAX_JSON_BYTES) throw new UserError(`${what}: an answer of more than ${MAX_JSON_BYTES} bytes`);
    chunks.push(chunk);
  }
  return parseStrictJson(Buffer.concat(chunks), `${what}: the answer of ${new URL(response.url).host}`);
}
