import { expect } from 'vitest';
import { type Claim, ENCODE, TEXTS } from './visit.ts';

/** Look inside: tokens, weights, alignment, what was cut off. */
export function insideClaims(claim: Claim): void {
  claim('shows tokens, their ids and sparse weights as the service gives them', async ({ page, open, ask }) => {
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

  claim(
    'aligns a token of the query with the passage as the service’s ColBERT rows do',
    async ({ page, open, ask }) => {
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
    },
  );

  claim(
    'takes a long text, of which it shows the beginning until it is asked for more',
    async ({ page, open, scored, encode, ask }) => {
      await open();
      const long = 'The sky is blue. '.repeat(2000);
      await page.getByRole('textbox', { name: 'Text 2' }).fill(long);
      await encode();
      await scored();
      const all = (await ask('/tokenize', { inputs: long }))[0].length;
      await page
        .getByText(`512 tokens; ${all - 512} more were cut off`)
        .first()
        .waitFor();
      const tokens = page.getByRole('toolbar', { name: 'Sparse weights of text 2' }).getByRole('button');
      expect(await tokens.count()).toBe(600);
      await page
        .getByRole('button', { name: `Show more of ${all} tokens` })
        .first()
        .click();
      expect(await tokens.count()).toBe(1200);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    },
  );

  claim(
    'says what was cut off, or shows the refusal beneath the text, in the service’s words',
    async ({ page, open, encode, ask, forgiveNetwork }) => {
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
    },
  );
}
