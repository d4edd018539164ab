import { readFileSync } from 'node:fs';
import { createRandom } from '../../test/support/wasm-arena.ts';

export const SHARED_DATA = new URL('../../../shared/data/', import.meta.url);

/** XQuAD: 240 parallel paragraphs. */
export const LANGUAGES = ['ar', 'de', 'el', 'en', 'es', 'hi', 'ro', 'ru', 'th', 'tr', 'vi', 'zh'] as const;

export const paragraphs = (language: string): string[] =>
  readFileSync(new URL(`corpora/xquad/${language}.txt`, SHARED_DATA), 'utf8')
    .split('\n')
    .filter(Boolean);

export const bytesOf = (texts: readonly string[]) => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);

/** Texts of about so many bytes that are dear for some tokenizer. */
export const WORST: Readonly<Record<string, (bytes: number) => string>> = {
  'one letter': (bytes) => 'a'.repeat(bytes),
  'a full stop': (bytes) => '.'.repeat(bytes),
  'random Latin letters, no spaces': (bytes) => {
    const random = createRandom(1);
    return Array.from({ length: bytes }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join('');
  },
  'U+FDFA, which becomes 18 characters': (bytes) => '\ufdfa'.repeat(bytes / 3),
  'a letter and 500,000 marks': (bytes) => `a${'\u0301'.repeat(bytes / 2)}`,
  'emoji of seven code points': (bytes) => '👨‍👩‍👧‍👦'.repeat(bytes / 25),
  'Thai, no spaces': (bytes) => 'กรุงเทพมหานคร'.repeat(bytes / 39),
  'random Han characters': (bytes) => {
    const random = createRandom(2);
    return Array.from({ length: bytes / 3 }, () => String.fromCharCode(0x4e00 + Math.floor(random() * 20_000))).join(
      '',
    );
  },
  'characters that no piece has': (bytes) => '\u{10330}'.repeat(bytes / 4),
  'white space': (bytes) => ' '.repeat(bytes),
  'controls that vanish': (bytes) => '\u0001'.repeat(bytes),
  '<s>': (bytes) => '<s>'.repeat(bytes / 3),
  '<': (bytes) => '<'.repeat(bytes),
};
