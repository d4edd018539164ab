import { describe, expect, it } from 'vitest';
import { fixtureUrl, readJson, tokenizerOf } from './fixtures.ts';

interface Golden {
  readonly texts: readonly { readonly text: string; readonly ids: readonly number[] }[];
}

describe.each(['micro-m3', 'micro-m3-bin'])('the tokenizer of %s', (name) => {
  const tokenizer = tokenizerOf(fixtureUrl(`${name}/tokenizer.json`));
  const { texts } = readJson(fixtureUrl(`${name}/golden.json`)) as Golden;
  // The reference was made with a limit of 512 tokens.
  const maxTokens = 512;

  it.each(texts)('gives the ids of Hugging Face transformers for text %#', ({ text, ids }) => {
    expect([...tokenizer.encode(text, { maxTokens }).ids]).toEqual(ids);
  });
});
