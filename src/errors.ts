/** The closed set of failures a caller can meet; statuses and shapes live with each dialect (docs/api.md). */
export type ErrorCode =
  | 'bad_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'fingerprint_mismatch'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'empty_input'
  | 'input_too_long'
  | 'batch_too_large'
  | 'budget_exceeded'
  | 'overloaded'
  | 'rate_limited'
  | 'engine_numeric'
  | 'internal'
  | 'model_shard_missing'
  | 'model_shard_corrupt'
  | 'model_unavailable'
  | 'store_unavailable';

/** A failure the caller is told about: its message is printed as it stands, so it never holds input text or keys. */
export class ServiceError extends Error {
  override name = 'ServiceError';
  readonly code: ErrorCode;
  /** The offending field, as the caller wrote it: `texts[3]`. */
  readonly param: string | undefined;
  /** Seconds after which a retry may succeed, for codes that say so. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { param?: string; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.param = options.param;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}
