import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { findChromium, openBrowser, openTab } from '../../test/support/browser.ts';
import { startDevServer } from '../../test/support/dev-server.ts';
import type { Finding } from '../check.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js');
const demo = join(root, 'model-shards/demo');
const built = join(root, 'build/page');
const GZIP_LIMIT_BYTES = 150_000;
const PAINT_LIMIT_MS = 1000;
const OPENINGS = 5;

/** The page: its size, how soon it shows something, and that the Worker's script holds nothing of it. */
export async function* check(): AsyncGenerator<Finding> {
  execFileSync(process.execPath, [join(root, 'scripts/build-page.ts')]);
  const files = readdirSync(built).map((name) => ({ name, bytes: gzipSync(readFileSync(join(built, name))).length }));
  const gzip = files.reduce((sum, { bytes }) => sum + bytes, 0);
  yield {
    claim: `the page has less than ${GZIP_LIMIT_BYTES / 1000} kB, gzipped`,
    figure: `${kilobytes(gzip)}: ${files.map(({ name, bytes }) => `${name} ${kilobytes(bytes)}`).join(', ')}`,
    verdict: gzip < GZIP_LIMIT_BYTES ? 'ok' : 'short',
  };
  yield checkScript();
  yield await checkPaint();
}

function checkScript(): Finding {
  const out = mkdtempSync(join(tmpdir(), 'm3edge-bundle-'));
  try {
    const options = ['--env', '', '--outdir', out, '--metafile', join(out, 'meta'), '--assets', built];
    execFileSync(process.execPath, [wrangler, 'deploy', '--dry-run', ...options], { cwd: root, stdio: 'pipe' });
    const inputs = Object.keys(JSON.parse(readFileSync(join(out, 'meta'), 'utf8')).inputs);
    const ofPage = inputs.filter((name) => /(^|\/)(playground|preact)\//.test(name));
    return {
      claim: "the Worker's script holds nothing of the page",
      figure: `${ofPage.length} of ${inputs.length} modules are the page's`,
      verdict: inputs.length > 50 && ofPage.length === 0 ? 'ok' : 'short',
    };
  } finally {
    rmSync(out, { recursive: true });
  }
}

async function checkPaint(): Promise<Finding> {
  const claim = `its first meaningful paint comes within ${PAINT_LIMIT_MS} ms, from wrangler dev`;
  const chromium = findChromium();
  if (!chromium) return { claim, figure: 'no Chromium found; install one, or name it in CHROMIUM', verdict: 'skipped' };
  const server = await startDevServer(demo);
  const browser = await openBrowser(chromium);
  try {
    const paints: number[] = [];
    const scores: number[] = [];
    for (let opening = 0; opening < OPENINGS; opening++) {
      const { page } = await openTab(browser.context, server.url);
      await page.goto(server.url);
      await page.waitForSelector('table[data-mode=dense] td:nth-child(3) .unseen:not(:empty)', { state: 'attached' });
      const [paint, now] = (await page.evaluate(
        '[performance.getEntriesByName("first-contentful-paint")[0].startTime, performance.now()]',
      )) as [number, number];
      paints.push(paint);
      scores.push(now);
      await page.close();
    }
    const [first, ...later] = paints.map(Math.round);
    const slowest = Math.max(...paints);
    return {
      claim,
      figure: `${first} ms in a new browser, then ${later.join(', ')}; scores after ${scores.map(Math.round).join(', ')} ms`,
      verdict: slowest < PAINT_LIMIT_MS ? 'ok' : 'short',
    };
  } finally {
    await browser.close();
    await server.stop();
  }
}

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
