import { describe, expect, it } from 'vitest';
import { fixtureUrl, microJson, readJson, tokenizerOf } from './fixtures.ts';

interface Golden {
  readonly texts: readonly { readonly text: string; readonly ids: readonly number[] }[];
}

describe.each(['micro-m3', 'micro-m3-bin'])('the tokenizer of %s', (name) => {
  const tokenizer = tokenizerOf(readJson(fixtureUrl(`${name}/tokenizer.json`)));
  const { texts } = readJson(fixtureUrl(`${name}/golden.json`)) as Golden;
  // The reference was made with a limit of 512 tokens.
  const maxTokens = 512;

  it.each(texts)('gives the ids of Hugging Face transformers for text %#', ({ text, ids }) => {
    expect([...tokenizer.encode(text, { maxTokens }).ids]).toEqual(ids);
  });
});

describe('a tokenizer', () => {
  const tokenizer = tokenizerOf(microJson());
  const { bos, eos } = tokenizer.special;

  it('keeps <s> and </s> whatever the limit, and says that it cut', () => {
    expect(tokenizer.encode('one two three', { maxTokens: 2 })).toEqual({
      ids: Uint32Array.of(bos, eos),
      truncated: true,
    });
    expect(tokenizer.encode('', { maxTokens: 2 })).toEqual({ ids: Uint32Array.of(bos, eos), truncated: false });
  });

  it.each([1, 0, -1, 2.5, Number.NaN])('refuses a limit of %d tokens', (maxTokens) => {
    expect(() => tokenizer.encode('one', { maxTokens })).toThrow(RangeError);
  });

  it("gives arrays of the caller's own", () => {
    const first = tokenizer.encode('one two three').ids;
    const copy = first.slice();
    tokenizer.encode('four five six seven');
    expect(first).toEqual(copy);
  });

  it.each([-1, 8000, 0.5, Number.NaN])('refuses to decode %d, which is no id', (id) => {
    expect(() => tokenizer.decode([id])).toThrow(RangeError);
    expect(() => tokenizer.piece(id)).toThrow(RangeError);
  });

  it('gives every piece back as the vocabulary has it', () => {
    const { vocab } = microJson().model;
    expect(vocab.map((_, id) => tokenizer.piece(id))).toEqual(vocab.map(([piece]) => piece));
  });

  it("has the vocabulary's special ids", () => {
    expect(tokenizer.special).toEqual({ bos: 0, pad: 1, eos: 2, unknown: 3, mask: 7999 });
    expect(tokenizer.vocabularySize).toBe(8000);
  });
});
