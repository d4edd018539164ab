import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromFragment, toFragment } from '../../playground/fragment.ts';
import { DEFAULT_SETTINGS, MAX_TEXTS } from '../../playground/settings.ts';

const linkOf = (json: unknown) => `#1.${deflateRawSync(JSON.stringify(json)).toString('base64url')}`;
const good = ['a', 'b'];

describe('a link', () => {
  it('restores every setting it was made of', async () => {
    const settings = fc.record({
      texts: fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: MAX_TEXTS }),
      maxLength: fc.integer({ min: 3, max: 8192 }),
      truncate: fc.boolean(),
      weights: fc.tuple(...Array(3).fill(fc.double({ min: 0, max: 1, noNaN: true, noDefaultInfinity: true }))),
      pair: fc.constant([0, 0] as const),
    });
    await fc.assert(
      fc.asyncProperty(settings, async (made) => {
        const link = await toFragment(made as never);
        expect(link).toMatch(/^#1\.[A-Za-z0-9_-]+$/);
        expect(JSON.stringify(await fromFragment(link))).toBe(JSON.stringify(made));
      }),
      { numRuns: 50 },
    );
  });

  it('is shorter than its texts in other scripts, escaped, would be', async () => {
    const texts = Array(5).fill('आसमान नीला है क्योंकि हवा नीले प्रकाश को लाल प्रकाश से ज़्यादा बिखेरती है।');
    const link = await toFragment({ ...DEFAULT_SETTINGS, texts });
    expect(link.length).toBeLessThan(encodeURIComponent(texts.join('')).length / 5);
  });

  it.each([
    ['no list', { texts: good }],
    ['no texts', [[], 512, true, [1, 1, 1], [0, 0]]],
    ['too many texts', [Array(MAX_TEXTS + 1).fill('a'), 512, true, [1, 1, 1], [0, 0]]],
    ['a text that is none', [['a', {}], 512, true, [1, 1, 1], [0, 0]]],
    ['a length out of range', [good, 1e9, true, [1, 1, 1], [0, 0]]],
    ['two weights', [good, 512, true, [1, 1], [0, 0]]],
    ['a weight below 0', [good, 512, true, [1, 1, -1], [0, 0]]],
    ['a pair outside the texts', [good, 512, true, [1, 1, 1], [0, 2]]],
    ['a pair of halves', [good, 512, true, [1, 1, 1], [0, 0.5]]],
    ['what would inflate to 100 MB', [['a'.repeat(1e8)], 512, true, [1, 1, 1], [0, 0]]],
  ])('is none with %s', async (_, json) => {
    expect(await fromFragment(linkOf(json))).toBeUndefined();
  });

  it.each(['', '#', '#compare', '#1.', '#1.!!!', '#1.AAAA', '#2.q1YqSa0o'])('is none as %j', async (fragment) => {
    expect(await fromFragment(fragment)).toBeUndefined();
  });
});
