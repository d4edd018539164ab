import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const ELSEWHERE = ['/usr/bin', '/snap/bin', '/Applications/Google Chrome.app/Contents/MacOS'];

/** A Chromium of this machine: CHROMIUM in the environment, else by its usual names; undefined where there is none. */
export function findChromium(): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter), ...ELSEWHERE];
  const candidates = [...directories.flatMap((directory) => NAMES.map((name) => join(directory, name)))];
  return [process.env.CHROMIUM ?? '', ...candidates, `${ELSEWHERE[2]}/Google Chrome`].find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path !== '';
  } catch {
    return false;
  }
}

/** Sandboxes need what containers lack; the others keep the browser's own requests at home. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface TestBrowser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** A browser that has never been used, without a window. */
export async function openBrowser(executablePath: string): Promise<TestBrowser> {
  const profile = mkdtempSync(join(tmpdir(), 'm3edge-chromium-'));
  const context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: FLAGS });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  return {
    context,
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

export interface Watched {
  readonly page: Page;
  /** Console errors and warnings, uncaught errors, and requests to anywhere but `origin`. */
  readonly complaints: string[];
}

/** A new tab whose complaints are kept. */
export async function openTab(context: BrowserContext, origin: string): Promise<Watched> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && !['data:', 'blob:'].includes(url.protocol)) complaints.push(`asked ${url}`);
  });
  return { page, complaints };
}
