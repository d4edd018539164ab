/** What the shard server does to a file instead of serving it. */
export type Fault = {
  /** A file name, or a part of one: `layer-` is every layer. */
  readonly file: string;
  /** Requests that meet it; default all. */
  readonly times?: number;
} & FaultKind;

type FaultKind =
  | { readonly kind: 'flip'; readonly offset: number }
  /** Announces the whole length, sends half, and resets the connection. */
  | { readonly kind: 'break' }
  /** Announces no length, sends half, and ends as if that were all. */
  | { readonly kind: 'cut' }
  /** Announces no length, and sends `bytes` more than there are. */
  | { readonly kind: 'longer'; readonly bytes: number }
  | { readonly kind: 'status'; readonly status: number }
  /** Answers as a host of single-page applications does where there is no file. */
  | { readonly kind: 'page' }
  /** Never answers. */
  | { readonly kind: 'silent' }
  /** Sends half, and then nothing. */
  | { readonly kind: 'stall' }
  /** Waits for `release`, and then serves the file. */
  | { readonly kind: 'hold' }
  /** Serves other bytes, with their length. */
  | { readonly kind: 'replace'; readonly bytes: Uint8Array };

export interface Throttle {
  readonly latencyMs: number;
  /** Of all connections together. */
  readonly bytesPerMs: number;
}

export type Command =
  | { readonly faults: readonly Fault[] }
  | { readonly release: true }
  | { readonly throttle: Throttle | null }
  | { readonly takeRequests: true };

export type Reply = { readonly port: number } | { readonly requests: readonly string[] } | { readonly done: true };
