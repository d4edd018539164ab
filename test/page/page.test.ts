import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import type { Page, Route } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EXAMPLES } from '../../playground/examples.ts';
import { createAccess } from '../../src/auth/access.ts';
import { findChromium, openBrowser, openTab, type TestBrowser } from '../support/browser.ts';
import { appUnderTest } from '../support/call-app.ts';
import { type DevServer, startDevServer } from '../support/dev-server.ts';

const demo = fileURLToPath(new URL('../../model-shards/demo', import.meta.url));
const chromium = findChromium();

/** A test that needs the browser. */
function claim(name: string, run: () => Promise<void>): void {
  it(name, async (context) => {
    if (!chromium) context.skip('no Chromium found; install one, or name it in CHROMIUM');
    await run();
  });
}

/** The page's own defaults. */
const TEXTS = EXAMPLES[0]!.texts;
const ENCODE = { return_dense: true, return_sparse: true, return_colbert_vecs: true, max_length: 512, truncate: true };
const COLUMNS = ['dense', 'sparse', 'colbert', 'sparse+dense', 'colbert+sparse+dense'];
const NETWORK_ERROR = /^error: Failed to load resource/;

let server: DevServer;
let browser: TestBrowser;

beforeAll(async () => {
  if (!chromium) return;
  [server, browser] = await Promise.all([startDevServer(demo), openBrowser(chromium)]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const send = (path: string, body?: unknown, headers = {}) =>
  fetch(server.url + path, {
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    headers: { 'content-type': 'application/json', ...headers },
  });
// biome-ignore lint/suspicious/noExplicitAny: an answer is looked at field by field
const ask = async (path: string, body?: unknown): Promise<any> => (await send(path, body)).json();

const pairsOf = (texts: readonly string[]) => texts.flatMap((query) => texts.map((passage) => [query, passage]));

describe.each([
  ['wide', { width: 1280, height: 900 }, 'light'],
  ['narrow', { width: 390, height: 844 }, 'dark'],
] as const)('the page in a %s window', (_, size, colorScheme) => {
  let page: Page;
  let complaints: string[];

  beforeEach(async () => {
    if (!chromium) return;
    ({ page, complaints } = await openTab(browser.context, server.url));
    page.setDefaultTimeout(20_000);
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
  });
  afterEach(async () => {
    if (!chromium) return;
    await page.close();
    expect(complaints).toEqual([]);
  });

  /** A browser reports every answer that is no success. */
  const forgiveNetwork = () => {
    const others = complaints.filter((line) => !NETWORK_ERROR.test(line));
    complaints.splice(0, complaints.length, ...others);
  };
  /** Opens the page and waits until every score is there. */
  const open = async (fragment = '', texts = TEXTS.length) => {
    await page.goto(`${server.url}/${fragment}`);
    await scored(texts);
  };
  const scored = (texts = TEXTS.length) =>
    page.waitForFunction(
      (count) =>
        document.querySelectorAll('table[data-mode=dense] tbody td .unseen:not(:empty)').length === count * count &&
        /^\d+ texts? in/.test(document.querySelector('.go output')?.textContent ?? ''),
      texts,
    );
  const encode = () => page.getByRole('button', { name: 'Encode' }).click();
  /** Every figure of the table, a row a pair. */
  const table = async () => {
    const rows = await page
      .locator('.figures tbody tr')
      .evaluateAll((lines) =>
        lines.map((line) => [...line.querySelectorAll('td')].slice(1).map((cell) => cell.textContent)),
      );
    return Object.fromEntries(COLUMNS.map((column, index) => [column, rows.map((row) => Number(row[index]))]));
  };
  const readout = () =>
    page.locator('.readout [data-score]').evaluateAll((cells) => cells.map((cell) => Number(cell.textContent)));
  const fact = (name: string) =>
    page
      .locator('dl > div', { has: page.getByText(name, { exact: true }) })
      .locator('dd')
      .textContent();

  claim('shows the scores that the service gives, for every pair and mode, also under other weights', async () => {
    await open();
    const columns = (answer: Record<string, unknown>) =>
      Object.fromEntries(COLUMNS.map((name) => [name, answer[name]]));
    const asked = { sentence_pairs: pairsOf(TEXTS) };
    expect(await table()).toEqual(columns(await ask('/score', asked)));

    await page.getByRole('slider', { name: 'Dense' }).press('Home');
    await page.getByRole('slider', { name: 'Sparse' }).press('ArrowLeft');
    const weights = [0, 0.95, 1];
    expect(await table()).toEqual(columns(await ask('/score', { ...asked, weights_for_different_modes: weights })));

    for (const name of ['Sparse', 'ColBERT']) await page.getByRole('slider', { name }).press('Home');
    await page.getByText('All are 0; one must be above').waitFor();
  });

  claim('tells a cell’s exact figures under the pointer, and goes from cell to cell by keyboard', async () => {
    await open();
    const answer = await ask('/score', { sentence_pairs: pairsOf(TEXTS) });
    const figures = (query: number, passage: number) =>
      COLUMNS.map((name) => answer[name][query * TEXTS.length + passage]);
    const cell = (query: number, passage: number) =>
      page.locator('table[data-mode=sparse] tbody tr').nth(query).locator('td').nth(passage);
    await cell(3, 1).hover();
    expect(await readout()).toEqual(figures(3, 1));
    expect(Number(await cell(3, 1).locator('.unseen').textContent())).toBe(figures(3, 1)[1]);

    await cell(1, 1).focus();
    for (const key of ['ArrowRight', 'ArrowDown', 'ArrowDown', 'ArrowLeft']) await page.keyboard.press(key);
    expect(await readout()).toEqual(figures(3, 1));
    await page.keyboard.press('Enter');
    expect(await cell(3, 1).getAttribute('aria-selected')).toBe('true');
    expect(await page.getByRole('combobox', { name: 'Query' }).inputValue()).toBe('3');
    expect(await page.locator('[data-mean]').textContent()).toBe(String(figures(3, 1)[2]));
  });

  claim('shows tokens, their ids and sparse weights as the service gives them', async () => {
    await open();
    const [tokens, { lexical_weights, usage }] = await Promise.all([
      ask('/tokenize', { inputs: TEXTS }),
      ask('/encode', { texts: TEXTS, ...ENCODE }),
    ]);
    for (const text of [0, 1]) {
      const strip = page.getByRole('toolbar', { name: `Sparse weights of text ${text + 1}` }).getByRole('button');
      const shown = await strip.evaluateAll((buttons) =>
        buttons.map((button) => ({
          id: Number(button.querySelector('small')!.textContent),
          title: button.getAttribute('title'),
        })),
      );
      expect(shown).toEqual(
        tokens[text].map(({ id }: { id: number }) => ({ id, title: `weight ${lexical_weights[text][id] ?? 0}` })),
      );
      expect(shown).toHaveLength(usage.tokens[text]);
    }
    expect(await page.locator('.strip .shared').count()).toBeGreaterThan(0);
    const { sparse } = await ask('/score', { query: TEXTS[0], passages: [TEXTS[1]] });
    expect(await page.locator('.products tfoot td').textContent()).toBe(String(sparse[0]));
  });

  claim('aligns a token of the query with the passage as the service’s ColBERT rows do', async () => {
    await open();
    const { colbert_vecs } = await ask('/encode', { texts: TEXTS.slice(0, 2), ...ENCODE });
    const dot = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + Math.fround(x) * Math.fround(b[i]!), 0);
    const query = page.getByRole('toolbar', { name: 'Tokens of the query, text 1' }).getByRole('button');
    const passage = page.getByRole('toolbar', { name: 'Tokens of the passage, text 2' }).getByRole('button');
    for (const token of [2, 5]) {
      if (token === 2) await query.nth(token).hover();
      else await query.nth(token).focus();
      const similarities: number[] = colbert_vecs[1].map((row: number[]) => dot(colbert_vecs[0][token - 1], row));
      const best = similarities.indexOf(Math.max(...similarities));
      expect(Number(await page.locator('[data-match]').textContent())).toBeCloseTo(similarities[best]!, 6);
      expect(await passage.nth(best + 1).getAttribute('class')).toContain('best');
      const titles = await passage.evaluateAll((buttons) =>
        buttons.slice(1).map((button) => (button as HTMLElement).title),
      );
      expect(titles).toHaveLength(similarities.length);
      for (const [row, title] of titles.entries()) {
        expect(Number(title.replace('similarity ', ''))).toBeCloseTo(similarities[row]!, 6);
      }
    }
    await page.keyboard.press('ArrowRight');
    expect(await query.nth(6).getAttribute('aria-pressed')).toBe('true');
  });

  claim('says what was cut off, or shows the refusal beneath the text, in the service’s words', async () => {
    await open();
    await page.getByRole('spinbutton').fill('12');
    await encode();
    await page.getByText('12 tokens, cut').first().waitFor();
    const all = (await ask('/tokenize', { inputs: TEXTS[0] }))[0].length;
    await page
      .getByText(`12 tokens; ${all - 12} more were cut off`)
      .first()
      .waitFor();
    expect(await page.getByRole('toolbar', { name: 'Sparse weights of text 1' }).locator('.cut').count()).toBe(
      all - 12,
    );
    const request = { ...ENCODE, max_length: 12, texts: TEXTS };
    const { sparse } = await ask('/score', {
      query: TEXTS[0],
      passages: [TEXTS[1]],
      max_query_length: 12,
      max_passage_length: 12,
      truncate: true,
    });
    expect(await page.locator('.products tfoot td, .inside-part p').allTextContents()).toContain(String(sparse[0]));

    await page.getByRole('checkbox', { name: 'cut what is longer' }).uncheck();
    await encode();
    const { error } = await ask('/encode', { ...request, truncate: false });
    const field = page.locator('.field').nth(Number(/\d+/.exec(error.param)![0]));
    await field.getByRole('alert').getByText(error.message).waitFor();
    expect(await field.getByRole('textbox').getAttribute('aria-invalid')).toBe('true');
    forgiveNetwork();
  });

  claim('has examples in eight languages, one from right to left, and texts of one’s own', async () => {
    await open();
    expect(new Set(EXAMPLES.map(({ lang }) => lang)).size).toBeGreaterThanOrEqual(8);
    for (const [index, { texts, lang }] of EXAMPLES.entries()) {
      await page.getByLabel('Example').selectOption(String(index));
      await scored(texts.length);
      const { dense } = await ask('/score', { query: texts[0], passages: texts });
      expect((await table()).dense!.slice(0, texts.length)).toEqual(dense);
      const direction = (locator: string) =>
        page
          .locator(locator)
          .first()
          .evaluate((e) => getComputedStyle(e).direction);
      expect([await direction('.strip'), await direction('textarea')]).toEqual(
        Array(2).fill(lang === 'ar' ? 'rtl' : 'ltr'),
      );
    }
    await page.getByRole('textbox', { name: 'Text 1' }).fill('one line\nand another');
    await page.getByRole('button', { name: 'split lines' }).click();
    for (let left = EXAMPLES.at(-1)!.texts.length + 1; left > 2; left--) {
      await page.getByRole('button', { name: `Remove text ${left}` }).click();
    }
    await page.getByText('The texts have changed').waitFor();
    await page.getByRole('textbox', { name: 'Text 2' }).press('Control+Enter');
    await scored(2);
    const { colbert } = await ask('/score', { sentence_pairs: pairsOf(['one line', 'and another']) });
    expect((await table()).colbert).toEqual(colbert);
  });

  claim('shows each layer as the service streams it, what it cost, and which model answers', async () => {
    await open();
    await encode();
    await scored();
    const [info, estimate] = [await ask('/info'), await ask('/estimate', { texts: TEXTS, ...ENCODE })];
    const manifest = JSON.parse(readFileSync(`${demo}/manifest.json`, 'utf8'));
    const layers = await page
      .locator('.layers tbody tr')
      .evaluateAll((rows) =>
        rows.map((row) => [...row.querySelectorAll('th, td')].map((cell) => cell.textContent!.trim())),
      );
    expect(layers).toHaveLength(manifest.architecture.layerCount);
    for (const [index, [layer, where, bytes, waited, computed, seen]] of layers.entries()) {
      const megabytes = manifest.files[`layer-0${index}.bin`].bytes / 1e6;
      expect([layer, where, bytes]).toEqual([String(index + 1), 'resident', `${megabytes.toFixed(2)} MB`]);
      for (const time of [waited, computed, seen]) expect(time).toMatch(/^[\d.]+ m?s$/);
    }
    const tokens = estimate.tokens.reduce((sum: number, count: number) => sum + count, 0);
    expect(await fact('Tokens')).toBe(String(tokens));
    expect(await fact('Passes')).toBe(String(estimate.passes));
    expect(Number.parseFloat((await fact('CPU, estimated'))!)).toBe(estimate.cpu_ms);
    expect(await fact('Fingerprint')).toBe(info.fingerprint);
    expect(await fact('Model')).toContain(info.served_model_name);
    expect(await fact('Quantisation')).toContain(
      `${info.quantisation.preset}: ${info.quantisation.layers.length} layers`,
    );
    expect(await fact('Fidelity')).not.toBe('');
    expect(info.demo).toBe(true);
    await page.getByText('it knows words, not meaning').waitFor();
  });

  claim('gives the same call as curl and fetch, which run, and for the openai SDK and the typed client', async () => {
    await open();
    const code = async (title: string) => {
      await page.getByText(title, { exact: true }).click();
      await page.getByRole('button', { name: 'Copy the call' }).click();
      await page.getByText('Copied').waitFor();
      return page.evaluate(() => navigator.clipboard.readText());
    };
    const expected = await ask('/encode', { texts: TEXTS, ...ENCODE });
    const answer = execFileSync('sh', ['-c', await code('curl')], { encoding: 'utf8', maxBuffer: 2 ** 28 });
    expect(JSON.parse(answer)).toEqual(expected);
    const script = `${await code('fetch')}\nprocess.stdout.write(JSON.stringify(lexical_weights));`;
    const weights = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(JSON.parse(weights)).toEqual(expected.lexical_weights);
    const openai = await code('openai SDK');
    for (const part of [`${server.url}/v1`, `model: 'demo'`, TEXTS[4]!]) expect(openai).toContain(part);
    const typed = await code('Typed client');
    for (const part of ['createClient', server.url, '"return_colbert_vecs": true', TEXTS[4]!])
      expect(typed).toContain(part);
  });

  claim('downloads the bytes that the service answers', async () => {
    await open();
    const body = { texts: TEXTS, ...ENCODE };
    for (const [format, accept] of [
      ['JSON', 'application/json'],
      ['NDJSON', 'application/x-ndjson'],
    ]) {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: `Download ${format}`, exact: true }).click(),
      ]);
      const file = readFileSync(await download.path(), 'utf8');
      expect(file === (await (await send('/encode', body, { accept })).text())).toBe(true);
    }
  });

  claim('restores texts, weights and pair from its link, which does not hold the key', async () => {
    await open();
    await page.getByLabel('API key').fill('a-secret-of-mine');
    await page.getByLabel('API key').press('Enter');
    await page.getByRole('textbox', { name: 'Text 1' }).fill('سماء زرقاء & <b>&amp;</b> 🐋');
    await encode();
    await scored();
    await page.getByRole('slider', { name: 'ColBERT' }).press('Home');
    await page.getByRole('combobox', { name: 'Passage' }).selectOption('3');
    await page.getByRole('button', { name: 'Copy a link' }).click();
    await page.getByText('Copied').waitFor();
    const link = new URL(await page.evaluate(() => navigator.clipboard.readText()));
    await page.waitForFunction((hash) => location.hash === hash, link.hash);
    const hidden = Buffer.from(link.hash.slice(3), 'base64url');
    expect(link.href + hidden.toString('latin1')).not.toContain('secret');

    const before = await table();
    await page.goto('about:blank');
    await open(link.hash);
    expect(await page.getByRole('textbox', { name: 'Text 1' }).inputValue()).toBe('سماء زرقاء & <b>&amp;</b> 🐋');
    expect(await page.getByRole('slider', { name: 'ColBERT' }).inputValue()).toBe('0');
    expect(await page.getByRole('combobox', { name: 'Passage' }).inputValue()).toBe('3');
    expect(await table()).toEqual(before);
  });

  claim('opens as ever with a link that is not its own', async () => {
    await open('#1.not-deflated');
    expect(await page.getByRole('textbox', { name: 'Text 1' }).inputValue()).toBe(TEXTS[0]);
  });

  claim('sends the key, keeps it in this tab alone, and shows beside it that it is refused', async () => {
    const sha256 = new Uint8Array(32);
    const access = createAccess({ keys: [{ id: 'k', tenant: 't', sha256, role: 'read' }] as never });
    const { app } = appUnderTest(undefined, { access });
    const sent: (string | undefined)[] = [];
    const refuse = async (route: Route) => {
      const request = route.request();
      sent.push(request.headers().authorization);
      const headers = request.headers();
      const answer = await app.request(new URL(request.url()).pathname, {
        method: request.method(),
        headers,
        body: request.postData(),
      });
      await route.fulfill({
        status: answer.status,
        headers: Object.fromEntries(answer.headers),
        body: await answer.text(),
      });
    };
    await page.route(/\/(info|estimate)$/, refuse);
    await page.goto(server.url);
    await page.getByText('an API key is missing').waitFor();
    await page.getByLabel('API key').fill('wrong-key');
    await page.getByLabel('API key').press('Enter');
    await page.getByText('the API key is not known').waitFor();
    expect(await page.getByLabel('API key').getAttribute('aria-invalid')).toBe('true');
    expect(sent).toContain('Bearer wrong-key');
    const kept = await page.evaluate(() =>
      [JSON.stringify({ ...sessionStorage }), JSON.stringify({ ...localStorage }), document.cookie, location.href].join(
        ' ',
      ),
    );
    expect(kept.split('wrong-key')).toHaveLength(2);
    expect(kept).toMatch(/^\{"m3edge-api-key":"wrong-key"\} /);

    await page.unroute(/\/(info|estimate)$/);
    await page.reload();
    await scored();
    expect(await page.getByLabel('API key').inputValue()).toBe('wrong-key');
    forgiveNetwork();
  });

  claim('says so where the service is gone, keeps what it has, and goes on when it is back', async () => {
    await open();
    const before = await table();
    await browser.context.setOffline(true);
    try {
      await encode();
      await page.locator('.editor').getByRole('alert').getByText(`no answer from ${server.url}`).waitFor();
      expect(await table()).toEqual(before);
    } finally {
      await browser.context.setOffline(false);
    }
    await page.getByRole('button', { name: 'Try again' }).click();
    await scored();
    expect(await page.getByRole('alert').count()).toBe(0);

    await page.route(/\/encode$/, async (route) => {
      const whole = await route.fetch();
      const text = await whole.text();
      await route.fulfill({
        response: whole,
        body: text.slice(0, text.indexOf('event: embedding', text.indexOf('event: embedding') + 1)),
      });
    });
    await encode();
    await page.getByRole('alert').getByText(`the answer ended after 1 of ${TEXTS.length} texts`).waitFor();
    forgiveNetwork();
  });

  claim('has nothing serious for axe, and nothing wider than the window', async () => {
    await open();
    await page.locator('summary').click();
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => (globalThis as never as { axe: typeof axe }).axe.run());
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    expect(serious.map(({ id, nodes }) => [id, nodes.map(({ html }) => html).slice(0, 3)])).toEqual([]);
  });

  claim('lets the tab key reach everything, each heat map and each row of tokens in one stop', async () => {
    await open();
    const reached: string[] = [];
    for (let presses = 0; presses < 60; presses++) {
      await page.keyboard.press('Tab');
      const name = await page.evaluate(() => {
        const { tagName, textContent, parentElement } = document.activeElement!;
        const label = document.activeElement!.getAttribute('aria-label');
        return `${tagName} ${parentElement?.className === 'strip' ? 'token' : (label ?? textContent)}`;
      });
      if (name.startsWith('BODY')) break;
      reached.push(name);
    }
    const buttons = ['Encode', '+ Add a text', 'Remove text 5', 'Copy the call', 'Download NDJSON'];
    expect(reached).toEqual(expect.arrayContaining(buttons.map((name) => `BUTTON ${name}`)));
    const stops = (tag: string) => reached.filter((name) => name.startsWith(tag)).length;
    expect({ cells: stops('TD'), tokens: stops('BUTTON token'), selects: stops('SELECT') }).toEqual({
      cells: 4,
      tokens: 4,
      selects: 3,
    });
  });
});
