import { describe, expect, it } from 'vitest';
import { readJson, tokenizerOf } from './fixtures.ts';
import { oracleAt } from './oracle.ts';
import { agrees, sharedVectors } from './vectors.ts';

const shared = sharedVectors();

describe.skipIf(!shared)('with the vocabulary of XLM-R and the pipeline of BGE-M3', () => {
  if (!shared) return it('agrees with vectors that others made', () => {}); // what is skipped is collected all the same
  const { tokenizerJson, generated, fragments, collected } = shared;
  const tokenizer = tokenizerOf(readJson(tokenizerJson));

  it(`${generated.length} generated vectors are identical (${fragments} lines of the file are fragments of texts)`, () => {
    expect(generated.length).toBeGreaterThan(2600);
    for (const { text, ids } of generated)
      expect([...tokenizer.encode(text as string).ids], JSON.stringify(text)).toEqual(ids);
  });

  it('the vectors of ten public projects are identical, but for those that the older pipeline explains', async () => {
    const oracle = oracleAt(tokenizerJson);
    const different = collected.filter((vector) => !agrees(vector, (text) => [...tokenizer.encode(text).ids]));
    expect(different.length).toBeLessThanOrEqual(10);
    for (const { text } of different) {
      const [wanted] = await oracle.encodeBatch([text as string]);
      expect([...tokenizer.encode(text as string).ids], JSON.stringify(text)).toEqual(wanted!.getIds());
    }
  });
});
