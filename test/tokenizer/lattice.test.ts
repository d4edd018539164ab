import { describe, expect, it } from 'vitest';
import { buildVocabulary } from '../../cli/tokenizer/build.ts';
import { createLattice } from '../../src/tokenizer/lattice.ts';
import { createNormalizer } from '../../src/tokenizer/normalizer.ts';
import { createTokenizer } from '../../src/tokenizer/tokenizer.ts';
import { parseVocabulary } from '../../src/tokenizer/vocabulary.ts';
import { PIPELINES, tokenizerOf } from './fixtures.ts';
import { oracleOf } from './oracle.ts';

const json = PIPELINES['Metaspace alone']!();
const vocabulary = parseVocabulary(buildVocabulary({ kind: 'tokenizer.json', json }));

/** Texts that are one word, or expand, or whose segmentations stay apart for long. */
const LONG: Readonly<Record<string, (units: number) => string>> = {
  'one letter': (units) => 'a'.repeat(units),
  'a letter that no piece repeats': (units) => 'ß'.repeat(units),
  'words without spaces': (units) => 'theinternationalconventionofhumanrights'.repeat(units / 39),
  'combining marks': (units) => `e${'\u0301'.repeat(units)}`,
  'a letter that becomes eighteen': (units) => '\ufdfa'.repeat(units / 4),
  'emoji with joiners': (units) => '👨‍👩‍👧‍👦'.repeat(units / 11),
  'unknown characters': (units) => '\u{10330}'.repeat(units / 2),
  'Han without spaces': (units) => '人人生而自由，在尊严和权利上一律平等。'.repeat(units / 19),
  spaces: (units) => ' '.repeat(units),
  'controls that vanish': (units) => '\u0001'.repeat(units),
  'special tokens': (units) => '<s>'.repeat(units / 3),
  'special tokens that are none': (units) => '<'.repeat(units),
  'white space before a mask': (units) => `${' '.repeat(units)}<mask>`,
  'half surrogate pairs': (units) => '\ud800'.repeat(units),
};

describe.each(Object.entries(LONG))('%s', (_, repeat) => {
  it('gives the ids of Hugging Face tokenizers at every length around the buffers', async () => {
    const tokenizer = createTokenizer(vocabulary);
    const texts = [2000, 2046, 2047, 2048, 2050, 4100, 9000, 20_000].map(repeat);
    const wanted = await oracleOf(JSON.stringify(json)).encodeBatch(texts);
    texts.forEach((text, index) => {
      // A comparison of lists this long by `expect` takes seconds when it fails.
      expect(String(tokenizer.encode(text).ids), `${text.length} units`).toBe(String(wanted[index]!.getIds()));
      const { offsets, ids } = tokenizer.encodeWithOffsets(text);
      expect(offsets.length).toBe(ids.length * 2);
    });
  });

  it('D46: takes steps in proportion to its length', () => {
    const stepsAt = (units: number) => {
      const normalizer = createNormalizer(vocabulary);
      const lattice = createLattice(vocabulary);
      const text = repeat(units);
      normalizer.start(text, 0, text.length);
      for (
        let length = normalizer.read(lattice.codes, 0);
        length > 0;
        length = normalizer.read(lattice.codes, length)
      ) {
        if (normalizer.wordEnded) lattice.endWord(length);
        length = normalizer.wordEnded ? 0 : lattice.settle(length);
      }
      return lattice.steps + normalizer.steps;
    };
    const units = 31_000;
    // Three times the growth of the length would be 12; buffers that double make steps a little uneven.
    expect(stepsAt(4 * units) / stepsAt(units)).toBeLessThan(4.5);
    expect(stepsAt(4 * units)).toBeLessThan(4 * units * MOST_STEPS_A_UNIT);
  });
});

/** Each character begins at most as many steps as the longest piece has characters, 16; four units, one of them U+FDFA, become at most 21. */
const MOST_STEPS_A_UNIT = 100;

describe('a text beyond the limit', () => {
  const tokenizer = tokenizerOf(json);

  it('is not looked at any further, even inside one word', () => {
    let looked = 0;
    const text = 'theinternationalconvention'.repeat(40_000);
    // The normaliser reads by charCodeAt and nothing else.
    const watched = new Proxy(new String(text), {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name !== 'charCodeAt') return typeof value === 'function' ? value.bind(target) : value;
        return (at: number) => {
          looked = Math.max(looked, at);
          return text.charCodeAt(at);
        };
      },
    }) as string;
    expect(tokenizer.encode(watched, { maxTokens: 64 }).ids).toEqual(tokenizer.encode(text, { maxTokens: 64 }).ids);
    expect(looked).toBeLessThan(4096);
  });

  it('has the same tokens as the whole text cut', () => {
    for (const repeat of Object.values(LONG)) {
      const text = repeat(6000);
      const all = tokenizer.encode(text).ids;
      for (const maxTokens of [2, 3, 100, 1000, 1501]) {
        const { ids, truncated } = tokenizer.encode(text, { maxTokens });
        expect(truncated).toBe(all.length > maxTokens);
        expect(String(ids.subarray(0, -1))).toBe(String(all.subarray(0, Math.min(maxTokens, all.length) - 1)));
      }
    }
  });
});
