import { LIMITS } from '../src/limits.ts';
import type { ModeWeights } from '../src/scoring/scoring.ts';
import { UserError } from './user-error.ts';

/** `--max-length`. */
export function parseMaxLength(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const maxTokens = Number(value);
  if (!Number.isInteger(maxTokens) || maxTokens < 3 || maxTokens > LIMITS.maxTokens) {
    throw new UserError(`--max-length must be a whole number from 3 to ${LIMITS.maxTokens}`);
  }
  return maxTokens;
}

/** `--threads`. */
export function parseThreads(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const threads = Number(value);
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS)
    throw new UserError(`--threads must be a whole number from 1 to ${MAX_THREADS}`);
  return threads;
}

/** Each has an engine of its own. */
const MAX_THREADS = 256;

/** `--weights`: of dense, sparse and ColBERT. */
export function parseWeights(value: string | undefined): ModeWeights | undefined {
  if (value === undefined) return undefined;
  const weights = value.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const isValid = weights.length === 3 && weights.every((weight) => weight >= 0 && weight <= 1e6);
  if (!isValid || !weights.some((weight) => weight > 0)) {
    throw new UserError('--weights must be three numbers from 0 to 1000000, one above 0: --weights 0.4,0.2,0.4');
  }
  return weights as unknown as ModeWeights;
}

/** `--port`. */
export function parsePort(value: string): number {
  const port = Number(value);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new UserError('--port must be a whole number from 1 to 65535');
  }
  return port;
}
