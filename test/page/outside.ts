import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { expect } from 'vitest';
import { type Claim, DEMO, ENCODE, TEXTS } from './visit.ts';

const CLIENT = new URL('../../src/client/client.ts', import.meta.url).href;

/** What a module prints, as JSON. */
const runModule = (script: string) =>
  JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }));

/** Watch it run, and take it away. */
export function outsideClaims(claim: Claim): void {
  claim(
    'shows each layer as the service streams it, what it cost, and which model answers',
    async ({ page, open, scored, encode, fact, ask }) => {
      await open();
      await encode();
      await scored();
      const [info, estimate] = [await ask('/info'), await ask('/estimate', { texts: TEXTS, ...ENCODE })];
      const manifest = JSON.parse(readFileSync(`${DEMO}/manifest.json`, 'utf8'));
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
      expect(info.fidelity).toBe(null);
      expect(await fact('Fidelity')).toContain('there is no float32 model');
      expect(info.demo).toBe(true);
      await page.getByText(`it ${info.notice}`).waitFor();
    },
  );

  claim(
    'gives the same call as curl, fetch and with the typed client, which run, and for the openai SDK',
    async ({ page, url, open, ask }) => {
      await open();
      const code = async (title: string) => {
        await page.getByText(title, { exact: true }).click();
        await page.getByRole('button', { name: 'Copy the call' }).click();
        const shown = (await page.locator('.code').textContent())!;
        await page.waitForFunction(async (text) => (await navigator.clipboard.readText()) === text, shown);
        return shown;
      };
      const expected = await ask('/encode', { texts: TEXTS, ...ENCODE });
      const answer = execFileSync('sh', ['-c', await code('curl')], { encoding: 'utf8', maxBuffer: 2 ** 28 });
      expect(JSON.parse(answer)).toEqual(expected);
      const script = `${await code('fetch')}\nprocess.stdout.write(JSON.stringify(lexical_weights));`;
      expect(runModule(script)).toEqual(expected.lexical_weights);
      const openai = await code('openai SDK');
      for (const part of [`${url}/v1`, `model: 'demo'`, TEXTS[4]!]) expect(openai).toContain(part);
      const typed = (await code('Typed client')).replace('m3edge/client', CLIENT); // which the package exports
      const dense = runModule(`${typed}\nprocess.stdout.write(JSON.stringify([...dense]));`);
      expect(dense).toEqual(expected.dense_vecs[0].map(Math.fround));
    },
  );

  claim('downloads the bytes that the service answers', async ({ page, open, send }) => {
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

  claim(
    'restores texts, weights and pair from its link, which does not hold the key',
    async ({ page, open, scored, encode, table }) => {
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
      const held = inflateRawSync(Buffer.from(link.hash.slice('#1.'.length), 'base64url')).toString();
      expect(held).toContain('🐋');
      expect(link.href + held).not.toContain('secret');

      const before = await table();
      await page.goto('about:blank');
      await open(link.hash);
      expect(await page.getByRole('textbox', { name: 'Text 1' }).inputValue()).toBe('سماء زرقاء & <b>&amp;</b> 🐋');
      expect(await page.getByRole('slider', { name: 'ColBERT' }).inputValue()).toBe('0');
      expect(await page.getByRole('combobox', { name: 'Passage' }).inputValue()).toBe('3');
      expect(await table()).toEqual(before);
    },
  );

  claim('opens as ever with a link that is not its own', async ({ page, open }) => {
    await open('#1.not-deflated');
    expect(await page.getByRole('textbox', { name: 'Text 1' }).inputValue()).toBe(TEXTS[0]);
  });
}
