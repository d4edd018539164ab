/** What the service answered in place of a result, or why there is no answer. */
export class M3edgeError extends Error {
  override name = 'M3edgeError';
  /** HTTP status; 0 where no answer came. */
  readonly status: number;
  /** As docs/api.md lists them; `connection` where no answer came. */
  readonly code: string;
  /** The field to blame, such as `texts[3]`: its index is that in the caller's own list, also where that was sent in parts. */
  readonly param: string | undefined;
  readonly requestId: string | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    options: { param?: string | undefined; requestId?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.status = status;
    this.code = code;
    this.param = options.param;
    this.requestId = options.requestId;
  }
}
