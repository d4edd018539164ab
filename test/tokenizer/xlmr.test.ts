import { describe, expect, it } from 'vitest';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { readJson, sharedVectors, tokenizerOf, type Vector } from './fixtures.ts';
import { oracleAt } from './oracle.ts';

const shared = sharedVectors();

/** Our ids in the form in which a project wrote its own down. */
function idsInForm({ text, kind }: Vector, tokenizer: Tokenizer): readonly number[] {
  const encode = (part: string) => [...tokenizer.encode(part).ids];
  if (typeof text !== 'string') return [...encode(text[0]!), tokenizer.special.eos, ...encode(text[1]!).slice(1)];
  const ids = encode(text);
  switch (kind) {
    case 'hf_nospecial':
      return ids.slice(1, -1);
    case 'spm_raw': // SentencePiece's own ids: one less, and 0 for unknown
      return ids.slice(1, -1).map((id) => (id === tokenizer.special.unknown ? 0 : id - 1));
    case 'hf_idset': // the keys of lexical weights
      return [...new Set(ids.slice(1, -1))].sort((a, b) => a - b);
    default:
      return ids;
  }
}

describe.skipIf(!shared)('with the vocabulary of XLM-R and the pipeline of BGE-M3', () => {
  const { tokenizerJson, generated, fragments, collected } = shared!;
  const tokenizer = tokenizerOf(readJson(tokenizerJson));

  it(`${generated.length} generated vectors are identical (${fragments} lines of the file are fragments of texts)`, () => {
    expect(generated.length).toBeGreaterThan(2600);
    for (const { text, ids } of generated)
      expect([...tokenizer.encode(text as string).ids], JSON.stringify(text)).toEqual(ids);
  });

  it('the vectors of ten public projects are identical, but for those that the older pipeline explains', async () => {
    const oracle = oracleAt(tokenizerJson);
    const different = collected.filter((vector) => {
      const wanted = vector.kind === 'hf_idset' ? vector.ids.toSorted((a, b) => a - b) : vector.ids;
      return String(idsInForm(vector, tokenizer)) !== String(wanted);
    });
    expect(different.length).toBeLessThanOrEqual(10);
    for (const { text } of different) {
      const [wanted] = await oracle.encodeBatch([text as string]);
      expect([...tokenizer.encode(text as string).ids], JSON.stringify(text)).toEqual(wanted!.getIds());
    }
  });
});
