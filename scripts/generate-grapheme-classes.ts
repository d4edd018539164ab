import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { GraphemeClass } from '../src/tokenizer/grapheme.ts';
import { writeCharsmap } from '../test/support/charsmap.ts';

/**
 * Writes cli/tokenizer/grapheme-classes.ts: the grapheme class of every code point as Hugging Face `tokenizers` has it, found by asking it. A map
 * with a few keys shows where clusters begin: a cluster shorter than 6 bytes that begins with a key is replaced as a whole, so a mark after
 * the key is dropped, unless the key belongs to an earlier cluster.
 *
 * Run it when `tokenizers` changes: node scripts/generate-grapheme-classes.ts
 */

const { precompiled } = createRequire(import.meta.url)('tokenizers') as {
  precompiled(bytes: number[]): { normalizeString(text: string): string };
};

const MARK = '\u0301';
const KEYS = { a: 'A', [MARK]: 'M', '®': 'R', क: 'K', ᄀ: 'L', ᅡ: 'V', ᆨ: 'T' };
const normalizer = precompiled([...writeCharsmap(KEYS)]);
const SURROGATES = { first: 0xd800, last: 0xdfff };
const LAST_CODE_POINT = 0x10ffff;

/** For every code point c, whether normalising `before + c + after` gives something that `holds` accepts. */
function probe(before: string, after: string, holds: (normalized: string, character: string) => boolean): Uint8Array {
  const answers = new Uint8Array(LAST_CODE_POINT + 1);
  const batch = 4096;
  for (let first = 0; first <= LAST_CODE_POINT; first += batch) {
    const characters: string[] = [];
    for (let c = first; c < first + batch; c++) {
      // A line feed separates the probes, so it cannot be one; the classes of CR and LF are given by their names.
      const skipped = c === 0x0a || c === 0x0d || (c >= SURROGATES.first && c <= SURROGATES.last);
      characters.push(skipped ? ' ' : String.fromCodePoint(c));
    }
    const lines = normalizer.normalizeString(characters.map((c) => before + c + after).join('\n')).split('\n');
    if (lines.length !== batch) throw new Error(`${lines.length} answers to ${batch} probes`);
    lines.forEach((line, index) => {
      answers[first + index] = holds(line, characters[index]!) ? 1 : 0;
    });
  }
  return answers;
}

/** Whether the key before the mark belongs to an earlier cluster: then the mark is mapped by itself. */
const keyContinues = (key: string) => (line: string) => line.endsWith(`${key}M`);

const joins = probe('a', '', (line) => line === 'A');
const extends_ = probe('©', `\u200d®${MARK}`, keyContinues('R'));
const isZwj = probe('©', `®${MARK}`, keyContinues('R'));
const links = probe('क', `क${MARK}`, keyContinues('K'));
const keepsLink = probe('क\u094d', `क${MARK}`, keyContinues('K'));
const controls = probe('', `${MARK}\u0300`, (line) => line.endsWith('M') && !line.endsWith('\u0300'));
const prepends = probe('', `a${MARK}`, keyContinues('A'));
const isPictographic = probe('', `\u200d®${MARK}`, keyContinues('R'));
const isConsonant = probe('', `\u094dक${MARK}`, keyContinues('K'));
const beforeL = probe('', `ᄀ${MARK}`, keyContinues('L'));
const beforeV = probe('', `ᅡ${MARK}`, keyContinues('V'));
const beforeT = probe('', `ᆨ${MARK}`, keyContinues('T'));

function classOf(c: number): GraphemeClass {
  if (c === 0x0d) return 'cr';
  if (c === 0x0a) return 'lf';
  if (c >= 0x1f1e6 && c <= 0x1f1ff) return 'regionalIndicator'; // 4 bytes each: no cluster with two is short enough to be asked for
  if (joins[c]) {
    if (isZwj[c]) return 'zwj';
    if (links[c]) return 'linker';
    if (!extends_[c]) return 'spacingMark';
    return keepsLink[c] ? 'extend' : 'extendOutsideConjunct';
  }
  if (controls[c]) return 'control';
  if (prepends[c]) return 'prepend';
  if (isPictographic[c]) return 'pictographic';
  if (isConsonant[c]) return 'consonant';
  if (beforeL[c]) return 'hangulL';
  const isSyllable = c >= 0xac00 && c <= 0xd7a3;
  if (beforeV[c]) return isSyllable ? 'hangulLV' : 'hangulV';
  if (beforeT[c]) return isSyllable ? 'hangulLVT' : 'hangulT';
  return 'other';
}

const ranges = new Map<GraphemeClass, string[]>();
let start = 0;
for (let c = 1; c <= LAST_CODE_POINT + 1; c++) {
  if (c <= LAST_CODE_POINT && classOf(c) === classOf(start)) continue;
  const cls = classOf(start);
  // Hangul syllables alternate in runs that arithmetic gives shorter.
  if (cls !== 'other' && cls !== 'hangulLV' && cls !== 'hangulLVT') {
    const list = ranges.get(cls) ?? [];
    list.push(c - start === 1 ? start.toString(16) : `${start.toString(16)}-${(c - 1).toString(16)}`);
    ranges.set(cls, list);
  }
  start = c;
}

const wrap = (words: string[]) => {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line.length + word.length + 1 > 150) {
      lines.push(line);
      line = '';
    }
    line += line ? ` ${word}` : word;
  }
  return [...lines, line].map((text) => `    ${text}`).join('\n');
};
const source = `import type { GraphemeClass } from '../../src/tokenizer/grapheme.ts';

/**
 * Code points of each grapheme class, hexadecimal, as Hugging Face \`tokenizers\` 0.23.2 (Unicode 17) has them; written by
 * scripts/generate-grapheme-classes.ts. Hangul syllables (AC00-D7A3) are left out: every 28th is \`hangulLV\`, the others \`hangulLVT\`.
 */
export const GRAPHEME_RANGES: Readonly<Partial<Record<GraphemeClass, string>>> = {
${[...ranges].map(([cls, list]) => `  ${cls}: \`\n${wrap(list)}\`,`).join('\n')}
};
`;
writeFileSync(fileURLToPath(new URL('../cli/tokenizer/grapheme-classes.ts', import.meta.url)), source);
