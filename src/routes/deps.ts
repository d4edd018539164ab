import type { AnswerStore } from '../answer-cache.ts';
import type { Access, Caller } from '../auth/access.ts';
import type { Database } from '../documents/database.ts';
import type { NearestSource } from '../documents/nearest.ts';
import type { Reembedding } from '../documents/reembedding.ts';
import type { Embedder } from '../embedder.ts';
import type { ErrorCode } from '../errors.ts';
import type { Meter } from '../metered-embedder.ts';
import type { Log } from './error-response.ts';

/** What every route file is given. */
export interface RouteDeps {
  /** @throws ServiceError where the model cannot be loaded; the next call tries again. */
  readonly getEmbedder: () => Promise<Embedder>;
  readonly access: Access;
  /** Where bugs are reported. */
  readonly log: Log;
  /** Told of each request: one line, without texts and keys. */
  readonly accessLog?: Log | undefined;
  /** Where answers are kept; absent: nowhere. */
  readonly answers?: AnswerStore | undefined;
  /** Documents and their vectors; absent: the routes over them say so. */
  readonly database?: Database | undefined;
  /** What keeps the documents embedded; there where `database` is. */
  readonly reembedding?: Reembedding | undefined;
  /** Absent: dense vectors are nowhere but in the database. */
  readonly nearest?: NearestSource | undefined;
  /** Keeps a request alive until work behind its answer is done. */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined;
  /** A file of the page by its name, '' for the page itself; an answer that is not ok where it was not staged. Absent: there is no page. */
  readonly readPage?: ((name: string) => Promise<Response>) | undefined;
  /** Origins whose pages may call; default all. */
  readonly corsOrigins?: readonly string[] | undefined;
}

/** What the app's own middleware has set before a route runs. */
export interface AppEnv {
  Variables: {
    requestId: string;
    /** Set where the body, and not the path, says which dialect is spoken. */
    bodyDialect: 'TEI' | 'Cohere' | undefined;
    /** Set where the request ended in an error. */
    errorCode: ErrorCode | undefined;
    /** Set by the guard of a route that is not public. */
    caller: Caller;
    meter: Meter;
    /** The embedder as this request sees it: its tokens counted and paid, its answers kept. */
    openEmbedder: () => Promise<Embedder>;
  };
}
