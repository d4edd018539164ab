import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { thirdPartyNotices } from '../scripts/third-party.ts';

it('THIRD_PARTY.md names what is installed; else run node scripts/third-party.ts', () => {
  const file = fileURLToPath(new URL('../THIRD_PARTY.md', import.meta.url));
  expect(readFileSync(file, 'utf8')).toBe(thirdPartyNotices());
});
