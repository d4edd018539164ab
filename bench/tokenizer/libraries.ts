import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createTokenizer } from '../../src/tokenizer/tokenizer.ts';
import { parseVocabulary } from '../../src/tokenizer/vocabulary.ts';

/** Encodes all texts, one thread, and returns the number of tokens. */
export type EncodeAll = (texts: readonly string[]) => number | Promise<number>;

export interface Files {
  /** What `m3edge model convert` makes. */
  readonly vocabulary: string;
  readonly tokenizerJson: string;
  readonly sentencepieceModel: string;
}

export const LIBRARIES = ['m3edge', 'tokenizers', 'sentencepiece-js', '@huggingface/transformers'] as const;
export type Library = (typeof LIBRARIES)[number];

/** Reads the files and makes the library ready for its first text. */
export const LOADERS: Readonly<Record<Library, (files: Files) => Promise<EncodeAll>>> = {
  async m3edge({ vocabulary }) {
    const tokenizer = createTokenizer(parseVocabulary(new Uint8Array(readFileSync(vocabulary))));
    return (texts) => texts.reduce((tokens, text) => tokens + tokenizer.encode(text).ids.length, 0);
  },

  async tokenizers({ tokenizerJson }) {
    const { Tokenizer } = createRequire(import.meta.url)('tokenizers') as {
      Tokenizer: {
        fromFile(path: string): { encodeBatch(texts: readonly string[]): Promise<{ getLength(): number }[]> };
      };
    };
    const tokenizer = Tokenizer.fromFile(tokenizerJson);
    return async (texts) => (await tokenizer.encodeBatch(texts)).reduce((tokens, one) => tokens + one.getLength(), 0);
  },

  async 'sentencepiece-js'({ sentencepieceModel }) {
    const { SentencePieceProcessor } = (await import('sentencepiece-js' as string)) as {
      SentencePieceProcessor: new () => { load(path: string): Promise<void>; encodeIds(text: string): number[] };
    };
    const processor = new SentencePieceProcessor();
    await processor.load(sentencepieceModel);
    // It adds no <s> and </s>.
    return (texts) => texts.reduce((tokens, text) => tokens + processor.encodeIds(text).length + 2, 0);
  },

  async '@huggingface/transformers'({ tokenizerJson }) {
    const { XLMRobertaTokenizer } = (await import('@huggingface/transformers' as string)) as {
      XLMRobertaTokenizer: new (json: unknown, config: unknown) => { encode(text: string): number[] };
    };
    const json: unknown = JSON.parse(readFileSync(tokenizerJson, 'utf8'));
    const tokenizer = new XLMRobertaTokenizer(json, { tokenizer_class: 'XLMRobertaTokenizer' });
    return (texts) => texts.reduce((tokens, text) => tokens + tokenizer.encode(text).length, 0);
  },
};
