import { expect } from 'vitest';
import { EXAMPLES } from '../../playground/examples.ts';
import { type Claim, COLUMNS, pairsOf, TEXTS } from './visit.ts';

/** Compare: scores, examples, the keyboard in a heat map. */
export function compareClaims(claim: Claim): void {
  claim(
    'shows the scores that the service gives, for every pair and mode, also under other weights',
    async ({ page, open, table, ask }) => {
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
    },
  );

  claim(
    'tells a cell’s exact figures under the pointer, and goes from cell to cell by keyboard',
    async ({ page, open, readout, ask }) => {
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
    },
  );

  claim(
    'has examples in eight languages, one from right to left, and texts of one’s own',
    async ({ page, open, scored, table, ask }) => {
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
    },
  );
}
