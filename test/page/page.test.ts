import { afterAll, beforeAll, describe, it } from 'vitest';
import { findChromium, openBrowser, type TestBrowser } from '../support/browser.ts';
import { type DevServer, startDevServer } from '../support/dev-server.ts';
import { compareClaims } from './compare.ts';
import { everybodyClaims } from './everybody.ts';
import { faultsClaims } from './faults.ts';
import { insideClaims } from './inside.ts';
import { outsideClaims } from './outside.ts';
import { type Claim, DEMO, inTab } from './visit.ts';

const chromium = findChromium();
let server: DevServer;
let browser: TestBrowser;

beforeAll(async () => {
  if (chromium) [server, browser] = await Promise.all([startDevServer(DEMO), openBrowser(chromium)]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

describe.each([
  ['wide', { width: 1280, height: 900, colorScheme: 'light' }],
  ['narrow', { width: 390, height: 844, colorScheme: 'dark' }],
] as const)('the page in a %s window', (_, window) => {
  const claim: Claim = (name, run) =>
    it(name, async (context) => {
      if (!chromium) context.skip('no Chromium found; install one, or name it in CHROMIUM');
      await inTab(browser, server.url, window, run);
    });
  for (const claims of [compareClaims, insideClaims, outsideClaims, faultsClaims, everybodyClaims]) claims(claim);
});
