import { expect, it } from 'vitest';
import { findMissing, readLock } from '../scripts/complete-lock.ts';

it('package-lock.json holds the optional packages of every system; else run node scripts/complete-lock.ts', () => {
  expect(findMissing(readLock()).map(({ path }) => path)).toEqual([]);
});
