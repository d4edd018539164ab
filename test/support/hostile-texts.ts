import { createRandom } from './wasm-arena.ts';

/**
 * Texts that break tokenizers which are nearly right: clusters with marks, joiners, Indic conjuncts, jamo, controls, special tokens, full-width
 * forms, astral planes. The same seed gives the same texts.
 */
export function* hostileTexts(seed: number, count: number): Generator<string> {
  const random = createRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const draw = (): string => {
    const atoms = pick(RECIPES);
    if (atoms === ANYTHING) return codePoint(below);
    return pick(atoms);
  };
  for (let i = 0; i < count; i++) {
    // Most texts keep to a few kinds, as only neighbours that have to do with each other go wrong.
    const kinds = random() < 0.7 ? [pick(RECIPES), pick(RECIPES)] : undefined;
    let text = '';
    for (let atoms = 1 + below(random() < 0.1 ? 60 : 12); atoms > 0; atoms--) {
      const atom = kinds ? pick(kinds) : undefined;
      text += atom && atom !== ANYTHING ? pick(atom) : draw();
    }
    yield text;
  }
}

/** Every code point from `first` to `last`, alone before a mark and behind a letter and a joiner, in texts of 64 code points. */
export function* codePointTexts(first: number, last: number): Generator<string> {
  const contexts = [(c: string) => `${c}\u0301x`, (c: string) => `e${c}\u200d${c}`];
  for (const inContext of contexts) {
    for (let start = first; start <= last; start += 64) {
      const words: string[] = [];
      for (let c = start; c < start + 64 && c <= last; c++) words.push(inContext(String.fromCodePoint(c)));
      yield words.join(' ');
    }
  }
}

const codePoint = (below: (limit: number) => number): string => {
  const planes = [0x80, 0x800, 0x10000, 0x20000, 0x30000, 0x110000];
  return String.fromCodePoint(below(planes[below(planes.length)]!));
};

const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => String.fromCodePoint(first + index));

const ANYTHING: readonly string[] = ['any code point'];
const MARKS = [
  ...range(0x300, 0x36f),
  '\u0483',
  '\u05b0',
  '\u064b',
  '\u0e31',
  '\u0e33',
  '\u20dd',
  '\u20e3',
  '\u302a',
  '\u3099',
  '\u309a',
  '\uff9e',
  '\uff9f',
];
const JOINERS = ['\u200d', '\u200c', '\ufe0f', '\ufe0e', '\u034f', '\u{e0101}', '\u{e0020}', '\u{1f3fb}', '\u{1f3ff}'];
const LATIN = [...'aeiouAEIOUncszyNCSZY', 'ﬁ', 'ﬀ', 'ĳ', 'ŉ', 'é', 'ä', 'ế', 'ǆ', 'ſ', 'ẛ', 'K', 'Å'];
const SPACES = [
  ' ',
  ' ',
  ' ',
  '\t',
  '\n',
  '\r',
  '\r\n',
  '\u00a0',
  '\u2003',
  '\u3000',
  '\u200b',
  '\ufeff',
  '\u2581',
  '\u2028',
  '\u0085',
  '\u1680',
  '\u2060',
];
const CONTROLS = [
  ...range(0, 0x1f),
  ...range(0x7f, 0x9f),
  '\u00ad',
  '\u200e',
  '\u202e',
  '\u2066',
  '\ufff9',
  '\ufffc',
  '\ufffd',
  '\u{e0001}',
  '\ud800',
  '\udc00',
  '\udbff',
];
const INDIC = [
  ...range(0x915, 0x939),
  ...range(0x958, 0x95f),
  '\u094d',
  '\u093c',
  '\u093f',
  '\u0902',
  '\u0b5c',
  '\u0b3c',
  '\u09dc',
  '\u09cd',
  '\u09df',
  '\u0bc6',
  '\u0bbe',
  '\u0d4e',
  '\u0d4d',
  '\u0d15',
];
const JAMO = [
  ...range(0x1100, 0x1112),
  ...range(0x1161, 0x1175),
  ...range(0x11a8, 0x11c2),
  '가',
  '각',
  '힣',
  ...range(0x3131, 0x3140),
  '\uffa1',
  '\uffc2',
  '\ua960',
  '\ud7b0',
  '\ud7cb',
  '\u115f',
  '\u1160',
];
const EMOJI = [
  '😀',
  '👨',
  '👩',
  '👧',
  '❤',
  '🏽',
  '©',
  '®',
  '™',
  '‼',
  '⁉',
  'ℹ',
  'Ⓜ',
  '㊗',
  '㊙',
  '🇦',
  '🇧',
  '#',
  '*',
  '1',
  '\u20e3',
  '🚀',
  '\u{1fae8}',
];
const SPECIALS = [
  '<s>',
  '</s>',
  '<pad>',
  '<unk>',
  '<mask>',
  ' <mask>',
  '<mask> ',
  '<',
  '>',
  '/',
  's',
  '＜s＞',
  '<mask',
  'mask>',
  '<S>',
  '\u2003<mask>',
  '▁',
  '<unk',
];
const COMPATIBLE = [
  ...range(0xff01, 0xff5e),
  ...range(0xff61, 0xff9f),
  '½',
  '²',
  '①',
  '㎏',
  '㍿',
  '№',
  '℃',
  '…',
  '‥',
  '″',
  '‴',
  '\ufdfa',
  '\ufdfb',
  '\ufb1d',
  '\ufb4f',
  'ﷲ',
  '㌀',
  '⑴',
  'Ⅷ',
  '〳',
  '゛',
  '´',
  '¨',
  '¸',
];
const PREPENDS = ['\u0600', '\u06dd', '\u070f', '\u0890', '\u08e2', '\u0d4e', '\u{110bd}', '\u{111c2}', '\u{11a84}'];
const WORDS = [
  'hello',
  'the',
  ' world',
  'Straße',
  'ing',
  ' 2024',
  '北京',
  '大学',
  'привет',
  'สวัสดี',
  'こんにちは',
  'カタカナ',
  'مرحبا',
  'שלום',
  'नमस्ते',
  '안녕',
  'xyzzy',
  'ﬃ',
  '𝒳',
  '𝟙',
  '𐍈',
  '𠮷',
  'ꙮ',
];

const RECIPES = [
  LATIN,
  MARKS,
  JOINERS,
  SPACES,
  CONTROLS,
  INDIC,
  JAMO,
  EMOJI,
  SPECIALS,
  COMPATIBLE,
  PREPENDS,
  WORDS,
  ANYTHING,
];
