import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { EXAMPLES } from '../../playground/examples.ts';
import { openTab, type TestBrowser } from '../support/browser.ts';

export const DEMO = fileURLToPath(new URL('../../model-shards/demo', import.meta.url));
/** The page's own defaults. */
export const TEXTS = EXAMPLES[0]!.texts;
export const ENCODE = {
  return_dense: true,
  return_sparse: true,
  return_colbert_vecs: true,
  max_length: 512,
  truncate: true,
};
export const COLUMNS = ['dense', 'sparse', 'colbert', 'sparse+dense', 'colbert+sparse+dense'];

/** Every text against every text, as /score takes it. */
export const pairsOf = (texts: readonly string[]) => texts.flatMap((query) => texts.map((passage) => [query, passage]));

export interface Window {
  readonly width: number;
  readonly height: number;
  readonly colorScheme: 'light' | 'dark';
}

/** A test of the page, in a tab of its own. */
export type Claim = (name: string, run: (visit: Visit) => Promise<void>) => void;
export type Visit = ReturnType<typeof visitPage>;

const NETWORK_ERROR = /^error: Failed to load resource/;
const PATIENCE_MS = 20_000;

/** Runs `run` in a new tab; then no console error, and no request to another origin, may have been seen. */
export async function inTab(
  { context }: TestBrowser,
  url: string,
  { width, height, colorScheme }: Window,
  run: (visit: Visit) => Promise<void>,
): Promise<void> {
  const { page, complaints } = await openTab(context, url);
  try {
    page.setDefaultTimeout(PATIENCE_MS);
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await run(visitPage(page, url, complaints));
  } finally {
    await page.close();
  }
  expect(complaints).toEqual([]);
}

function visitPage(page: Page, url: string, complaints: string[]) {
  const send = (path: string, body?: unknown, headers = {}) =>
    fetch(url + path, {
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      headers: { 'content-type': 'application/json', ...headers },
    });
  const scored = (texts = TEXTS.length) =>
    page.waitForFunction(
      (count) =>
        document.querySelectorAll('table[data-mode=dense] tbody td .unseen:not(:empty)').length === count * count &&
        /^\d+ texts? in/.test(document.querySelector('.go output')?.textContent ?? ''),
      texts,
    );
  return {
    page,
    url,
    send,
    /** What the service answers to anybody. */
    // biome-ignore lint/suspicious/noExplicitAny: an answer is looked at field by field
    ask: async (path: string, body?: unknown): Promise<any> => (await send(path, body)).json(),
    /** Waits until every score is there. */
    scored,
    async open(fragment = '') {
      await page.goto(`${url}/${fragment}`);
      await scored();
    },
    encode: () => page.getByRole('button', { name: 'Encode' }).click(),
    /** Every figure of the table, a column a score. */
    async table() {
      const rows = await page
        .locator('.figures tbody tr')
        .evaluateAll((lines) =>
          lines.map((line) => [...line.querySelectorAll('td')].slice(1).map((cell) => Number(cell.textContent))),
        );
      return Object.fromEntries(COLUMNS.map((column, index) => [column, rows.map((row) => row[index])]));
    },
    /** The figures of the cell under the pointer or the focus. */
    readout: () =>
      page.locator('.readout [data-score]').evaluateAll((cells) => cells.map((cell) => Number(cell.textContent))),
    fact: (name: string) =>
      page
        .locator('dl > div', { has: page.getByText(name, { exact: true }) })
        .locator('dd')
        .textContent(),
    /** A browser reports every answer that is no success as an error of its own. */
    forgiveNetwork() {
      const others = complaints.filter((line) => !NETWORK_ERROR.test(line));
      complaints.splice(0, complaints.length, ...others);
    },
  };
}
