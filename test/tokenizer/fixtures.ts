import { readFileSync } from 'node:fs';
import { buildVocabulary } from '../../cli/tokenizer/build.ts';
import { createTokenizer, type Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { parseVocabulary } from '../../src/tokenizer/vocabulary.ts';

export const fixtureUrl = (path: string) => new URL(`../fixtures/${path}`, import.meta.url);

export const readJson = (url: URL): unknown => JSON.parse(readFileSync(url, 'utf8'));

export function tokenizerOf(url: URL): Tokenizer {
  return createTokenizer(parseVocabulary(buildVocabulary({ kind: 'tokenizer.json', json: readJson(url) })));
}
