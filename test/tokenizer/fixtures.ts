import { readFileSync } from 'node:fs';
import { buildVocabulary } from '../../cli/tokenizer/build.ts';
import { createTokenizer, type Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { parseVocabulary } from '../../src/tokenizer/vocabulary.ts';
import { writeCharsmap } from '../support/charsmap.ts';

export const fixtureUrl = (path: string) => new URL(`../fixtures/${path}`, import.meta.url);

export const readJson = (url: URL): unknown => JSON.parse(readFileSync(url, 'utf8'));

export const tokenizerOf = (json: unknown): Tokenizer =>
  createTokenizer(parseVocabulary(buildVocabulary({ kind: 'tokenizer.json', json })));

/** What tests read and change of a tokenizer.json. */
export interface TokenizerJson {
  added_tokens: { id: number; content: string; [field: string]: unknown }[];
  normalizer: { type: string; normalizers: [Charsmap, ...unknown[]] };
  pre_tokenizer: { type: string; pretokenizers?: [unknown, unknown] };
  post_processor: unknown;
  decoder: unknown;
  model: { type: string; unk_id: number; byte_fallback: boolean; vocab: [string, number][] };
}

interface Charsmap {
  type: string;
  precompiled_charsmap: string;
}

/** The project's own vocabulary: 8,000 pieces with the older pipeline. */
export const microJson = () => readJson(fixtureUrl('micro-m3/tokenizer.json')) as TokenizerJson;

/** The project's own vocabulary with every pipeline that is supported, and with a map that meets clusters XLM-R's map does not. */
export const PIPELINES: Readonly<Record<string, () => TokenizerJson>> = {
  'WhitespaceSplit, Metaspace': microJson,
  'Metaspace alone': () => withMetaspaceAlone(microJson()),
  'Metaspace alone, spaces kept': () => withoutReplace(withMetaspaceAlone(microJson())),
  'WhitespaceSplit, spaces kept': () => withoutReplace(microJson()),
  'a map of odd clusters': () => withCharsmap(withoutReplace(withMetaspaceAlone(microJson())), ODD_MAP),
  'a map of odd clusters, WhitespaceSplit': () => withCharsmap(microJson(), ODD_MAP),
};

/** Keys of every grapheme class, with longer, shorter and empty replacements. */
const ODD_MAP = {
  '▁': ' ',
  a: 'x y',
  é: 'e',
  '\u0301': '',
  'e\u0301': 'E',
  'o\u0300': 'of the',
  '\r': ' ',
  '\r\n': 'n',
  '\n': 'the ',
  '\u0001': '',
  '\u200d': 'z',
  क: 'k',
  '\u094d': '',
  ᄀ: 'g',
  가: 'ga',
  각: '',
  ᅡ: 'v',
  ᆨ: 't',
  '©': '(c)',
  '®': ' r ',
  '\u0600': 'p',
  '\u0600a': 'q',
  '🇦': 'A',
  '\u00a0': ' ',
  '\u3000': '  ',
  ﬁ: 'fi',
  '\u0903': 'h',
};

function withMetaspaceAlone(json: TokenizerJson): TokenizerJson {
  return { ...json, pre_tokenizer: json.pre_tokenizer.pretokenizers?.[1] as TokenizerJson['pre_tokenizer'] };
}

function withoutReplace(json: TokenizerJson): TokenizerJson {
  return { ...json, normalizer: { ...json.normalizer, normalizers: [json.normalizer.normalizers[0]] } };
}

export function withCharsmap(json: TokenizerJson, map: Record<string, string>): TokenizerJson {
  const precompiled_charsmap = Buffer.from(writeCharsmap(map)).toString('base64');
  const [first, ...rest] = json.normalizer.normalizers;
  return { ...json, normalizer: { ...json.normalizer, normalizers: [{ ...first, precompiled_charsmap }, ...rest] } };
}
