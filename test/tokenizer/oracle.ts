import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// The package's CommonJS entry has no `exports`; its types name `const enum`s that isolated modules cannot read.
const { Tokenizer } = createRequire(import.meta.url)('tokenizers') as {
  Tokenizer: { fromString(json: string): NativeTokenizer };
};

interface NativeEncoding {
  getIds(): number[];
  getTokens(): string[];
  /** In characters. */
  getOffsets(): [number, number][];
}

export interface NativeTokenizer {
  encodeBatch(texts: string[]): Promise<NativeEncoding[]>;
  decodeBatch(ids: number[][], skipSpecial: boolean): Promise<string[]>;
  setTruncation(maxLength: number, options?: { direction?: 'left' | 'right' }): void;
  disableTruncation(): void;
}

/** Hugging Face `tokenizers`, the reference for everything that this directory tests. */
export const oracleOf = (json: string): NativeTokenizer => Tokenizer.fromString(json);
export const oracleAt = (url: URL): NativeTokenizer => oracleOf(readFileSync(url, 'utf8'));

/** Offsets in characters from offsets in bytes of UTF-8. */
export function characterOffsets(text: string, byteOffsets: Uint32Array): number[] {
  const characterAt = new Map<number, number>();
  let byte = 0;
  let character = 0;
  for (const c of text.toWellFormed()) {
    characterAt.set(byte, character++);
    byte += Buffer.byteLength(c);
  }
  characterAt.set(byte, character);
  return [...byteOffsets].map((offset) => characterAt.get(offset) ?? Number.NaN);
}
