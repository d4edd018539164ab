import type { Finding } from '../check.ts';

/** Every layer of either preset stays in memory: no isolate has as much, here it is what streaming is compared with. */
export const ALL_RESIDENT = { memoryBytes: 480 * 2 ** 20 } as const;
export const LAYERS = 24;
/** Storage as the claims have it: 25 ms until an answer begins, and 140 MB/s for all answers together. */
export const THROTTLE = { latencyMs: 25, bytesPerMs: 140_000 } as const;
/** The machine may have other work: of several measurements taken in turn the least counts. */
export const ROUNDS = 5;

export const verdict = (isGood: boolean): Finding['verdict'] => (isGood ? 'ok' : 'short');
export const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
export const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
