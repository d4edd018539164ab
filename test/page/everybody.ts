import axe from 'axe-core';
import { expect } from 'vitest';
import type { Claim } from './visit.ts';

/** For everybody: axe, the tab key, narrow windows. */
export function everybodyClaims(claim: Claim): void {
  claim('has nothing serious for axe, and nothing wider than the window', async ({ page, open }) => {
    await open();
    await page.locator('summary').click();
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => (globalThis as never as { axe: typeof axe }).axe.run());
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    expect(serious.map(({ id, nodes }) => [id, nodes.map(({ html }) => html).slice(0, 3)])).toEqual([]);
  });

  claim(
    'lets the tab key reach everything, each heat map and each row of tokens in one stop',
    async ({ page, open }) => {
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
    },
  );
}
