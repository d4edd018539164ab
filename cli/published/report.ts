import type { Comparison } from './compare.ts';
import type { Publication } from './publication.ts';

/**
 * Of the numbers that may be out of tolerance: a right conversion has hardly one, as tolerances were set before anything was measured on the real
 * model; a wrong one has nearly all.
 */
const ALLOWED_SHARE = 0.1;

export interface PublishedReport {
  readonly lines: readonly string[];
  readonly isModel: boolean;
}

/** Published against measured, a line a number. */
export function reportPublished(comparisons: ReadonlyMap<Publication, readonly Comparison[]>): PublishedReport {
  const lines: string[] = [];
  for (const [{ name, source, arithmetic }, numbers] of comparisons) {
    lines.push('', `${name}, ${arithmetic}`, source, `${''.padEnd(68)} published   measured  tolerance`);
    for (const { what, published, measured, tolerance, isNear } of numbers) {
      const columns = [published, measured, tolerance].map((value) => show(value).padStart(10));
      lines.push(`${isNear ? 'ok ' : 'off'} ${what.padEnd(64)}${columns.join(' ')}`);
    }
  }
  const all = [...comparisons.values()].flat();
  const near = all.filter(({ isNear }) => isNear).length;
  lines.push('', `${near} of ${all.length} published numbers are within their tolerance`);
  return { lines, isModel: near >= (1 - ALLOWED_SHARE) * all.length };
}

const show = (value: number) =>
  Number.isInteger(value) && Math.abs(value) >= 1 ? String(value) : Number.isNaN(value) ? 'none' : value.toFixed(5);
