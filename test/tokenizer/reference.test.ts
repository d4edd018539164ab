import { describe, expect, it } from 'vitest';
import { codePointTexts, hostileTexts } from '../support/hostile-texts.ts';
import { compareWith } from './compare.ts';
import { PIPELINES, tokenizerOf } from './fixtures.ts';
import { characterOffsets, oracleOf } from './oracle.ts';

/** Texts that once went wrong somewhere, here or in other ports. */
const KNOWN = [
  '',
  ' ',
  '   ',
  'a ',
  '\u0001',
  'a\u0001b',
  '\u0001a',
  'ﬁ\u0301x',
  '½\u0001x',
  '\u00a0\u0301',
  'a</s>b',
  '<s><s>',
  '＜s＞',
  '＜unk＞',
  '☃＜unk＞☃',
  ' <mask> ',
  '\u2003\u3000<mask><mask>',
  'x <mask',
  '\r\n',
  '\ud800',
  'a\udc00b',
  '\ud83d',
  'e\u0301\u0302\u0303',
  'क्\u200dक',
  '👨‍👩‍👧',
  '🇦🇧🇦',
  '\u0600a\u0301',
  '각\u11a8\u0301',
  '▁a▁▁b',
];

/** Seeded, so that a failure comes again; the 200,000 of `npm run check tokenizer` take others. */
const TEXTS = [...KNOWN, ...hostileTexts(20, 1500), ...codePointTexts(0, 0x33ff)];

describe.each(Object.entries(PIPELINES))('with %s', (_, json) => {
  const source = json();
  const tokenizer = tokenizerOf(source);
  const oracle = oracleOf(JSON.stringify(source));

  it('D47: ids, offsets and decoded texts, those of hostile texts too, are those of Hugging Face tokenizers', async () => {
    const { compared, differences } = await compareWith(oracle, tokenizer, TEXTS);
    expect(differences.slice(0, 5)).toEqual([]);
    expect(compared).toBe(TEXTS.length);
  });

  it.each(['left', 'right'] as const)(
    'D44: cutting on the %s keeps what Hugging Face tokenizers keeps',
    async (truncationSide) => {
      for (const maxTokens of [2, 3, 8, 21]) {
        oracle.setTruncation(maxTokens, { direction: truncationSide });
        const texts = TEXTS.slice(0, 500);
        const wanted = await oracle.encodeBatch(texts);
        oracle.disableTruncation();
        texts.forEach((text, index) => {
          const at = `text ${index}, ${maxTokens} tokens: ${JSON.stringify(text)}`;
          const { ids, truncated } = tokenizer.encode(text, { maxTokens, truncationSide });
          expect([...ids], at).toEqual(wanted[index]!.getIds());
          expect(truncated, at).toBe(tokenizer.encode(text).ids.length > maxTokens);
          const { offsets } = tokenizer.encodeWithOffsets(text, { maxTokens, truncationSide });
          expect(characterOffsets(text, offsets), at).toEqual(wanted[index]!.getOffsets().flat());
        });
      }
    },
  );
});
