import type { Route } from 'playwright-core';
import { expect } from 'vitest';
import { createAccess } from '../../src/auth/access.ts';
import { appUnderTest } from '../support/call-app.ts';
import { type Claim, TEXTS } from './visit.ts';

/** A key that is refused, a service that is gone. */
export function faultsClaims(claim: Claim): void {
  claim('stops where it is told to, and begins anew', async ({ page, open, scored, encode }) => {
    await open();
    await page.route(/\/encode$/, () => {}); // an answer that does not come
    await encode();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('stopped').waitFor();
    await page.unroute(/\/encode$/);
    await encode();
    await scored();
    expect(await page.getByRole('button', { name: 'Stop' }).count()).toBe(0);
  });

  claim(
    'sends the key, keeps it in this tab alone, and shows beside it that it is refused',
    async ({ page, url, scored, forgiveNetwork }) => {
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
      await page.goto(url);
      await page.getByText('an API key is missing').waitFor();
      await page.getByLabel('API key').fill('wrong-key');
      await page.getByLabel('API key').press('Enter');
      await page.getByText('the API key is not known').waitFor();
      expect(await page.getByLabel('API key').getAttribute('aria-invalid')).toBe('true');
      expect(sent).toContain('Bearer wrong-key');
      const kept = await page.evaluate(() =>
        [
          JSON.stringify({ ...sessionStorage }),
          JSON.stringify({ ...localStorage }),
          document.cookie,
          location.href,
        ].join(' '),
      );
      expect(kept.split('wrong-key')).toHaveLength(2);
      expect(kept).toMatch(/^\{"m3edge-api-key":"wrong-key"\} /);

      await page.unroute(/\/(info|estimate)$/);
      await page.reload();
      await scored();
      expect(await page.getByLabel('API key').inputValue()).toBe('wrong-key');
      forgiveNetwork();
    },
  );

  claim(
    'says so where the service is gone, keeps what it has, and goes on when it is back',
    async ({ page, url, open, scored, encode, table, forgiveNetwork }) => {
      await open();
      const before = await table();
      await page.context().setOffline(true);
      try {
        await encode();
        await page.locator('.editor').getByRole('alert').getByText(`no answer from ${url}`).waitFor();
        expect(await table()).toEqual(before);
      } finally {
        await page.context().setOffline(false);
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
    },
  );
}
