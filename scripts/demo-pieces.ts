import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Writes cli/demo/pieces.txt, the parts of words that the demo model knows: node scripts/demo-pieces.ts DIR, where DIR holds `node_modules` with
 * cldr-annotations-full and cldr-localenames-full 48.2.0 and stopwords-iso 1.1.0. They are no dependency, as they have 90 MB and the list is made once.
 */

/** Pieces of each language, shared ones counted with the first. So many that the demo stays below 8 MB; more for scripts that stand alone. */
const LANGUAGES: Readonly<Record<string, number>> = {
  ...{ en: 950, de: 500, es: 400, ro: 380, tr: 420, vi: 1000, fr: 200, it: 80, pt: 80, nl: 80, pl: 110 },
  ...{ cs: 60, sv: 60, fi: 60, hu: 60, ru: 620, uk: 80, bg: 50, el: 560, ar: 600, fa: 80, he: 250 },
  ...{ hi: 600, th: 1100, ja: 120, ko: 120 },
};
/** Han is left to single characters, which cut a text alike whatever stands beside them. */
const SCRIPTS: Readonly<Record<string, string>> = {
  ...{
    ru: 'Cyrl',
    uk: 'Cyrl',
    bg: 'Cyrl',
    el: 'Grek',
    ar: 'Arab',
    fa: 'Arab',
    he: 'Hebr',
    hi: 'Deva',
    th: 'Thai',
    ko: 'Hang',
  },
};
const LONGEST = 7;

const packages = join(process.argv[2]!, 'node_modules');
const common = commonWords();
const known = new Set<string>(common);
const lines = Object.entries(LANGUAGES).map(([language, quota]) => {
  const pieces = partsOf(wordCounts(language), quota).filter((piece) => !known.has(piece));
  for (const piece of pieces) known.add(piece);
  return `${language} ${pieces.join(' ')}\n`;
});
writeFileSync(
  fileURLToPath(new URL('../cli/demo/pieces.txt', import.meta.url)),
  [`common ${common.join(' ')}\n`, ...lines].join(''),
);

/** What Thai and Chinese texts are full of, where no space tells a short word from a long one. In Chinese the characters that are words by themselves. */
function commonWords(): string[] {
  const lists = JSON.parse(readFileSync(join(packages, 'stopwords-iso/stopwords-iso.json'), 'utf8'));
  const words = [...lists.th, ...lists.zh].map((word: string) => word.normalize('NFKC'));
  return [...new Set(words)].filter((word) => /^(\p{Script=Thai}+|\p{Script=Han})$/u.test(word));
}

/** Words in the names and keywords of emoji and in the names of languages, countries and scripts. */
function wordCounts(language: string): Map<string, number> {
  const wordOf =
    language === 'ja'
      ? /[\p{Script=Hira}\p{Script=Kana}ー]+/gu
      : new RegExp(`[\\p{Script=${SCRIPTS[language] ?? 'Latn'}}\\p{M}]+`, 'gu');
  const counts = new Map<string, number>();
  const addAll = (value: unknown): void => {
    if (typeof value === 'string') {
      for (const word of value.normalize('NFKC').match(wordOf) ?? []) counts.set(word, (counts.get(word) ?? 0) + 1);
    } else if (typeof value === 'object' && value !== null) Object.values(value).forEach(addAll);
  };
  const read = (path: string) => JSON.parse(readFileSync(join(packages, path), 'utf8'));
  const { annotations } = read(`cldr-annotations-full/annotations/${language}/annotations.json`).annotations;
  for (const { default: keywords } of Object.values<{ default?: unknown }>(annotations)) addAll(keywords);
  for (const file of ['languages', 'territories', 'scripts']) {
    addAll(read(`cldr-localenames-full/main/${language}/${file}.json`).main[language].localeDisplayNames);
  }
  return counts;
}

/** Byte-pair encoding over characters: the two neighbours that occur together most often become one, again and again. */
function partsOf(counts: ReadonlyMap<string, number>, quota: number): string[] {
  const words = [...counts].map(([word, count]) => ({ parts: [...word], weight: 1 + Math.log(count) }));
  const pairs = new Map<string, { weight: number; readonly words: Set<(typeof words)[number]> }>();
  const addPairs = (word: (typeof words)[number], sign: number): void => {
    for (let i = 0; i + 1 < word.parts.length; i++) {
      const key = `${word.parts[i]} ${word.parts[i + 1]}`;
      const pair = pairs.get(key) ?? { weight: 0, words: new Set() };
      pairs.set(key, pair);
      pair.weight += sign * word.weight;
      pair.words.add(word);
    }
  };
  for (const word of words) addPairs(word, 1);
  const found = new Set<string>();
  let unseen = quota;
  while (unseen > 0) {
    let best = '';
    let most = 1.5;
    for (const [key, { weight }] of pairs) {
      const isBetter = weight > most + 1e-9 || (Math.abs(weight - most) < 1e-9 && key < best);
      if (!isBetter || [...key].length - 1 > LONGEST) continue;
      best = key;
      most = weight;
    }
    if (best === '') break;
    const [left, right] = best.split(' ') as [string, string];
    for (const word of [...pairs.get(best)!.words]) {
      addPairs(word, -1);
      word.parts = word.parts.reduce<string[]>((parts, part) => {
        if (part === right && parts.at(-1) === left) parts[parts.length - 1] = left + right;
        else parts.push(part);
        return parts;
      }, []);
      addPairs(word, 1);
    }
    pairs.delete(best);
    const piece = left + right;
    if (!found.has(piece) && !known.has(piece)) unseen--;
    found.add(piece);
  }
  return [...found];
}
