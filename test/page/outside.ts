import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { type Claim, DEMO, ENCODE, TEXTS } from './visit.ts';

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
      expect(await fact('Fidelity')).not.toBe('');
      expect(info.demo).toBe(true);
      await page.getByText('it knows words, not meaning').waitFor();
    },
  );

  claim(
    'gives the same call as curl and fetch, which run, and for the openai SDK and the typed client',
    async ({ page, url, open, ask }) => {
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
      for (const part of [`${url}/v1`, `model: 'demo'`, TEXTS[4]!]) expect(openai).toContain(part);
      const typed = await code('Typed client');
      for (const part of ['createClient', url, '"return_colbert_vecs": true', TEXTS[4]!]) expect(typed).toContain(part);
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
      const hidden = Buffer.from(link.hash.slice(3), 'base64url');
      expect(link.href + hidden.toString('latin1')).not.toContain('secret');

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
