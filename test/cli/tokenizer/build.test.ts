import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { buildVocabulary } from '../../../cli/tokenizer/build.ts';
import { UserError } from '../../../cli/user-error.ts';
import { parseVocabulary } from '../../../src/tokenizer/vocabulary.ts';
import {
  fixtureUrl,
  microJson,
  PIPELINES,
  readJson,
  type TokenizerJson,
  withCharsmap,
} from '../../tokenizer/fixtures.ts';
import { sharedVectors } from '../../tokenizer/vectors.ts';

const build = (json: unknown) => buildVocabulary({ kind: 'tokenizer.json', json });
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('buildVocabulary', () => {
  it('gives the same bytes for the same tokenizer', () => {
    expect(sha256(build(microJson()))).toBe(sha256(build(microJson())));
  });

  it("gives the same bytes from SentencePiece's file, which has BGE-M3's pipeline", () => {
    const bytes = new Uint8Array(readFileSync(fixtureUrl('micro-m3/sentencepiece.bpe.model')));
    expect(sha256(buildVocabulary({ kind: 'sentencepiece', bytes }))).toBe(
      sha256(build(PIPELINES['Metaspace alone']!())),
    );
  });

  it('takes the pipeline from the file', () => {
    const flags = Object.values(PIPELINES).map((json) => {
      const { collapseSpaces, splitWhitespace, maskStripsLeft } = parseVocabulary(build(json()));
      return { collapseSpaces, splitWhitespace, maskStripsLeft };
    });
    expect(flags.slice(0, 4)).toEqual([
      { collapseSpaces: true, splitWhitespace: true, maskStripsLeft: true },
      { collapseSpaces: true, splitWhitespace: false, maskStripsLeft: true },
      { collapseSpaces: false, splitWhitespace: false, maskStripsLeft: true },
      { collapseSpaces: false, splitWhitespace: true, maskStripsLeft: true },
    ]);
  });

  const shared = sharedVectors();
  it.skipIf(!shared)('needs at most 5 MB for the 250,002 pieces of XLM-R', () => {
    const bytes = build(readJson(shared!.tokenizerJson));
    expect(bytes.length).toBeLessThanOrEqual(5_000_000);
    expect(parseVocabulary(bytes).vocabularySize).toBe(250_002);
  });
});

/** What is wrong, how it is made, and what the message says. */
const REFUSED: readonly (readonly [string, (json: TokenizerJson) => unknown, RegExp])[] = [
  ['null', () => null, /the whole is null, not an object/],
  ['a list', () => [], /the whole is \[\]/],
  ['nothing', () => ({}), /model is missing/],
  ['a BPE model', (j) => ({ ...j, model: { ...j.model, type: 'BPE' } }), /model\.type is "BPE", not "Unigram"/],
  [
    'bytes as a last resort',
    (j) => ({ ...j, model: { ...j.model, byte_fallback: true } }),
    /model\.byte_fallback is true/,
  ],
  [
    'a vocabulary by piece',
    (j) => ({ ...j, model: { ...j.model, vocab: { a: 1 } } }),
    /model\.vocab is \{"a":1\}, not a list/,
  ],
  ['no pieces', (j) => withVocabulary(j, () => []), /model\.vocab is \[\]/],
  ['too many pieces', (j) => withVocabulary(j, () => Array((1 << 20) + 1).fill(['a', 0])), /at most 1048576 entries/],
  ['a piece without a score', (j) => withPiece(j, 5, [',']), /model\.vocab\[5\] is \[","\]/],
  ['a score that is text', (j) => withPiece(j, 5, [',', '-3']), /model\.vocab\[5\]/],
  ['a score that is no float32', (j) => withPiece(j, 5, [',', -3.1]), /piece 5 has the score -3\.1, not a float32/],
  [
    'a score that is not finite',
    (j) => withPiece(j, 5, [',', Number.NEGATIVE_INFINITY]),
    /piece 5 has the score -Infinity/,
  ],
  ['a positive score', (j) => withPiece(j, 5, [',', 1]), /piece 5 has the score 1, which is no log-probability/],
  ['a piece twice', (j) => withPiece(j, 5, ['s', -3]), /piece 7 is piece 5 again/],
  ['an empty piece', (j) => withPiece(j, 5, ['', -3]), /piece 5 has 0 characters/],
  ['a piece of 32 characters', (j) => withPiece(j, 5, ['a'.repeat(32), -3]), /piece 5 has 32 characters, not 1 to 31/],
  [
    'a piece of 10 million characters',
    (j) => withPiece(j, 5, ['a'.repeat(1e7), -3]),
    /piece 5 has 10000000 characters/,
  ],
  ['half a surrogate pair', (j) => withPiece(j, 5, ['\ud800', -3]), /piece 5 holds half a surrogate pair/],
  ['another unknown id', (j) => ({ ...j, model: { ...j.model, unk_id: 0 } }), /model\.unk_id is 0, not 3/],
  ['no added tokens', (j) => ({ ...j, added_tokens: [] }), /added_tokens is \[\], not a list/],
  ['one token too many', (j) => ({ ...j, added_tokens: [...j.added_tokens, added(j, '<s>')] }), /added_tokens is 6/],
  ['a token of its own', (j) => withAdded(j, 4, { content: '<x>' }), /added_tokens\[4\]\.content is "<x>", not one of/],
  ['a token missing', (j) => ({ ...j, added_tokens: j.added_tokens.slice(0, 4) }), /<mask> among them/],
  ['a token twice', (j) => withAdded(j, 4, { content: '<s>', id: 0 }), /each token once/],
  ['a gap in the ids', (j) => withAdded(j, 4, { id: 8005 }), /added_tokens\[4\]\.id is 8005, not the id of <mask>/],
  ['an id of another piece', (j) => withAdded(j, 0, { id: 1 }), /added_tokens\[0\]\.id is 1/],
  ['an id that is none', (j) => withAdded(j, 0, { id: '__proto__' }), /added_tokens\[0\]\.id is "__proto__"/],
  ['a token that strips', (j) => withAdded(j, 0, { lstrip: true }), /added_tokens\[0\]\.lstrip is true/],
  ['a token that strips right', (j) => withAdded(j, 4, { rstrip: true }), /added_tokens\[4\]\.rstrip is true/],
  ['a token of whole words', (j) => withAdded(j, 0, { single_word: true }), /added_tokens\[0\]\.single_word is true/],
  ['a token in normalised text', (j) => withAdded(j, 0, { normalized: true }), /added_tokens\[0\]\.normalized is true/],
  ['no normaliser', (j) => ({ ...j, normalizer: null }), /normalizer is null/],
  [
    'another normaliser',
    (j) => ({ ...j, normalizer: { type: 'NFKC' } }),
    /normalizer\.type is "NFKC", not "Precompiled"/,
  ],
  [
    'a third normaliser',
    (j) => withNormalizers(j, (list) => [...list, { type: 'Lowercase' }]),
    /normalizer\.normalizers is 3, not at most 2/,
  ],
  [
    'a regular expression of its own',
    (j) => withNormalizers(j, ([first]) => [first, { type: 'Replace', pattern: { Regex: '(a+)+$' }, content: ' ' }]),
    /pattern\.Regex is "\(a\+\)\+\$", not " \{2,\}"/,
  ],
  [
    'another replacement',
    (j) => withNormalizers(j, ([first]) => [first, { type: 'Replace', pattern: { Regex: ' {2,}' }, content: '' }]),
    /content is ""/,
  ],
  [
    'a map that is no text',
    (j) => withNormalizers(j, () => [{ type: 'Precompiled', precompiled_charsmap: 7 }]),
    /precompiled_charsmap is 7/,
  ],
  [
    'a map of 8 MB',
    (j) => withNormalizers(j, () => [{ type: 'Precompiled', precompiled_charsmap: 'A'.repeat(8e6) }]),
    /base64 of at most/,
  ],
  [
    'an empty map',
    (j) => withNormalizers(j, () => [{ type: 'Precompiled', precompiled_charsmap: '' }]),
    /precompiled_charsmap: its trie has 0 of 0 bytes/,
  ],
  ['a map that keeps ▁', (j) => withCharsmap(j, { a: 'b' }), /precompiled_charsmap: ▁ does not become a space/],
  ['a map that makes ▁', (j) => withCharsmap(j, { '▁': ' ', a: '▁' }), /a replacement holds ▁/],
  [
    'a map with a key of three characters',
    (j) => withCharsmap(j, { '▁': ' ', 'a\u0301\u0302': 'b' }),
    /a key has 3 characters/,
  ],
  [
    'another pre-tokenizer',
    (j) => ({ ...j, pre_tokenizer: { type: 'ByteLevel' } }),
    /pre_tokenizer\.type is "ByteLevel", not "Metaspace"/,
  ],
  [
    'a splitting regular expression',
    (j) => ({
      ...j,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [{ type: 'Split', pattern: { Regex: '(x+x+)+y' } }, metaspace],
      },
    }),
    /pretokenizers\[0\]\.type is "Split", not "WhitespaceSplit"/,
  ],
  [
    'another ▁',
    (j) => ({ ...j, pre_tokenizer: { ...metaspace, replacement: '_' } }),
    /pre_tokenizer\.replacement is "_"/,
  ],
  [
    'no ▁ before a text',
    (j) => ({ ...j, pre_tokenizer: { ...metaspace, prepend_scheme: 'never' } }),
    /prepend_scheme is "never"/,
  ],
  [
    'an old file without prefix',
    (j) => ({ ...j, pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: false } }),
    /add_prefix_space is false/,
  ],
  [
    'words not split',
    (j) => ({ ...j, pre_tokenizer: { ...metaspace, split: false } }),
    /pre_tokenizer\.split is false/,
  ],
  ['another decoder', (j) => ({ ...j, decoder: { type: 'ByteFallback' } }), /decoder\.type is "ByteFallback"/],
  [
    'another post-processor',
    (j) => ({ ...j, post_processor: { type: 'BertProcessing' } }),
    /post_processor\.type is "BertProcessing"/,
  ],
  [
    'a template without </s>',
    (j) => withTemplate(j, (single) => single.slice(0, 2)),
    /post_processor\.single is "<s> A", not "<s> A <\/s>"/,
  ],
  [
    'a template of 300,000 steps',
    (j) => withTemplate(j, (single) => Array(3e5).fill(single[0])),
    /post_processor\.single is 300000/,
  ],
];

const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true };

describe('F61: a tokenizer.json is refused with', () => {
  it.each(REFUSED)('%s', (_, change, message) => {
    const source = change(microJson());
    expect(() => build(source)).toThrow(UserError);
    expect(() => build(source)).toThrow(message);
    // The fix.
    expect(() => build(source)).toThrow(/; (take|download) /);
  });
});

it('a tokenizer.json of the older form is read', () => {
  const { type, ...model } = microJson().model;
  const old = { type: 'Metaspace', replacement: '▁', add_prefix_space: true, str_rep: '▁' };
  const json = {
    ...microJson(),
    model,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, old] },
    decoder: old,
  };
  expect(type).toBe('Unigram');
  expect(sha256(build(json))).toBe(sha256(build(microJson())));
});

function withVocabulary(json: TokenizerJson, change: (vocab: [string, number][]) => unknown[]): unknown {
  return { ...json, model: { ...json.model, vocab: change(json.model.vocab) } };
}

const withPiece = (json: TokenizerJson, id: number, entry: unknown[]) =>
  withVocabulary(json, (vocab) => vocab.with(id, entry as [string, number]));

const added = (json: TokenizerJson, content: string) => json.added_tokens.find((token) => token.content === content);

const withAdded = (json: TokenizerJson, index: number, fields: Record<string, unknown>) => ({
  ...json,
  added_tokens: json.added_tokens.map((token, at) => (at === index ? { ...token, ...fields } : token)),
});

const withNormalizers = (json: TokenizerJson, change: (list: unknown[]) => unknown[]) => ({
  ...json,
  normalizer: { type: 'Sequence', normalizers: change(json.normalizer.normalizers) },
});

function withTemplate(json: TokenizerJson, change: (single: unknown[]) => unknown[]): unknown {
  const processor = json.post_processor as { single: unknown[] };
  return { ...json, post_processor: { ...processor, single: change(processor.single) } };
}
