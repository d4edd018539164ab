import type { Handler, Hono, MiddlewareHandler } from 'hono';
import type * as v from 'valibot';
import type { Access } from '../auth/access.ts';
import type { Role } from '../auth/api-keys.ts';
import type { AppEnv } from './deps.ts';

/** One thing that can be asked for: routing, checks, types and /openapi.json all come from this. */
export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** The first is the one that is documented in full; the others do the same. */
  readonly paths: readonly [string, ...string[]];
  /** The dialect. */
  readonly tag: Tag;
  readonly summary: string;
  /** What the caller must at least be; absent: anyone, also where keys are asked for. */
  readonly role?: Role;
  readonly request?: v.GenericSchema;
  /** In place of `request`: a body of lines, each a JSON object of this schema. */
  readonly lines?: v.GenericSchema;
  /** `:name` of the paths. */
  readonly pathParameters?: Readonly<Record<string, Parameter>>;
  /** What may stand after `?`: strings. */
  readonly query?: v.StrictObjectSchema<v.ObjectEntries, undefined>;
  /** Headers that change the answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Schema of the JSON answer; null where the body is empty; else the other media type. */
  readonly answer: v.GenericSchema | null | { readonly mediaType: string };
  /** Other forms of the answer, by media type: what they hold. */
  readonly streams?: Readonly<Record<string, string>>;
  /** Schema of the dialect's errors. */
  readonly errors: v.GenericSchema;
  /** Of the answer; default 200. */
  readonly status?: 202 | 204;
  /** Bodies that are answered with that status; of lines: the text. */
  readonly examples?: Readonly<Record<string, unknown>>;
}

export interface Parameter {
  readonly schema: v.GenericSchema;
  readonly description: string;
  readonly example: string;
}

export const TAGS = {
  native: 'FlagEmbedding over HTTP: all outputs and scores of M3',
  OpenAI: 'OpenAI embeddings',
  TEI: 'Hugging Face text-embeddings-inference',
  rerank: 'Rerankers: TEI, Jina and Cohere',
  'Workers AI': 'Cloudflare Workers AI, model @cf/baai/bge-m3',
  documents: 'A store of documents that is kept embedded: docs/documents.md',
  operations: 'What operators ask',
} as const;
export type Tag = keyof typeof TAGS;

/** Registers a handler for all paths of an operation, behind the check of who calls. */
export function serve(routes: Hono<AppEnv>, operation: Operation, access: Access, handler: Handler<AppEnv>): void {
  const { method, paths, role } = operation;
  routes.on(method.toUpperCase(), [...paths], ...(role ? [guard(access, role)] : []), handler);
}

/** Sets the caller. @throws ServiceError as `Access.admit`. */
function guard(access: Access, role: Role): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    c.set('caller', await access.admit(c.req.raw.headers, c.req.header('cf-connecting-ip'), role));
    await next();
  };
}
