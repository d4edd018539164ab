import { SPECIAL_TEXTS, type SpecialIds } from '../../src/tokenizer/vocabulary.ts';
import { UserError } from '../user-error.ts';
import { MAX_PIECES, type Piece, type Pipeline } from './pipeline.ts';

/** XLM-R's map has 237,538 bytes. */
const MAX_CHARSMAP_BYTES = 4 << 20;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a Hugging Face `tokenizer.json` whose pipeline is XLM-R's or BGE-M3's: a Precompiled normaliser (then maybe Replace / {2,}/ by " "),
 * Metaspace (maybe after WhitespaceSplit), Unigram, `<s> A </s>`. Every field that changes ids is read; what is not this pipeline is refused.
 *
 * @throws UserError naming the field and what it holds.
 */
export function readTokenizerJson(json: unknown): Pipeline {
  const root = fieldsOf(json, 'the whole');
  const model = fieldsOf(root.model, 'model');
  if (model.type !== undefined) expect(model.type, 'Unigram', 'model.type');
  if (model.byte_fallback !== undefined) expect(model.byte_fallback, false, 'model.byte_fallback');
  const pieces = readPieces(model.vocab);
  const { special, maskStripsLeft } = readAddedTokens(root.added_tokens, pieces);
  expect(model.unk_id, special.unknown, 'model.unk_id');
  const splitWhitespace = readPreTokenizer(root.pre_tokenizer);
  readMetaspace(root.decoder, 'decoder');
  readPostProcessor(root.post_processor, special);
  return { pieces, special, maskStripsLeft, splitWhitespace, ...readNormalizer(root.normalizer) };
}

function readPieces(value: unknown): Piece[] {
  const list = listOf(value, 'model.vocab', MAX_PIECES);
  return list.map((entry, id) => {
    const [text, score, ...rest] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (typeof text !== 'string' || typeof score !== 'number' || rest.length > 0) {
      throw refused(`model.vocab[${id}]`, entry, 'a piece and its score');
    }
    return { text, score };
  });
}

function readAddedTokens(value: unknown, pieces: readonly Piece[]): { special: SpecialIds; maskStripsLeft: boolean } {
  const found: Partial<Record<keyof SpecialIds, number>> = {};
  let maskStripsLeft = false;
  const names = Object.keys(SPECIAL_TEXTS) as (keyof SpecialIds)[];
  listOf(value, 'added_tokens', names.length).forEach((entry, index) => {
    const at = `added_tokens[${index}]`;
    const token = fieldsOf(entry, at);
    const name = names.find((candidate) => SPECIAL_TEXTS[candidate] === token.content);
    if (!name) throw refused(`${at}.content`, token.content, `one of ${Object.values(SPECIAL_TEXTS).join(' ')}`);
    if (found[name] !== undefined) throw refused(`${at}.content`, token.content, 'each token once');
    const id = token.id;
    if (typeof id !== 'number' || pieces[id]?.text !== token.content) {
      throw refused(`${at}.id`, id, `the id of ${String(token.content)} in model.vocab`);
    }
    expect(token.single_word ?? false, false, `${at}.single_word`);
    expect(token.rstrip ?? false, false, `${at}.rstrip`);
    expect(token.normalized ?? false, false, `${at}.normalized`);
    expect(token.special, true, `${at}.special`);
    if (name === 'mask') maskStripsLeft = token.lstrip === true;
    else expect(token.lstrip ?? false, false, `${at}.lstrip`);
    found[name] = id;
  });
  for (const name of names) {
    if (found[name] === undefined) throw refused('added_tokens', value, `${SPECIAL_TEXTS[name]} among them`);
  }
  return { special: found as SpecialIds, maskStripsLeft };
}

function readNormalizer(value: unknown): { charsmap: Uint8Array; collapseSpaces: boolean } {
  const normalizer = fieldsOf(value, 'normalizer');
  const isSequence = normalizer.type === 'Sequence';
  const steps = isSequence ? listOf(normalizer.normalizers, 'normalizer.normalizers', 2) : [normalizer];
  const at = (index: number) => (isSequence ? `normalizer.normalizers[${index}]` : 'normalizer');
  const first = fieldsOf(steps[0], at(0));
  expect(first.type, 'Precompiled', `${at(0)}.type`);
  const base64 = first.precompiled_charsmap;
  if (typeof base64 !== 'string' || base64.length > (MAX_CHARSMAP_BYTES / 3) * 4) {
    throw refused(`${at(0)}.precompiled_charsmap`, base64, `base64 of at most ${MAX_CHARSMAP_BYTES} bytes`);
  }
  if (steps.length === 2) {
    const second = fieldsOf(steps[1], at(1));
    expect(second.type, 'Replace', `${at(1)}.type`);
    expect(fieldsOf(second.pattern, `${at(1)}.pattern`).Regex, ' {2,}', `${at(1)}.pattern.Regex`);
    expect(second.content, ' ', `${at(1)}.content`);
  }
  return { charsmap: new Uint8Array(Buffer.from(base64, 'base64')), collapseSpaces: steps.length === 2 };
}

/** @returns Whether white space is split off before Metaspace. */
function readPreTokenizer(value: unknown): boolean {
  const preTokenizer = fieldsOf(value, 'pre_tokenizer');
  if (preTokenizer.type !== 'Sequence') {
    readMetaspace(preTokenizer, 'pre_tokenizer');
    return false;
  }
  const at = 'pre_tokenizer.pretokenizers';
  const steps = listOf(preTokenizer.pretokenizers, at, 2);
  const last = steps.length - 1;
  readMetaspace(steps[last], `${at}[${last}]`);
  if (last === 0) return false;
  expect(fieldsOf(steps[0], `${at}[0]`).type, 'WhitespaceSplit', `${at}[0].type`);
  return true;
}

function readMetaspace(value: unknown, at: string): void {
  const metaspace = fieldsOf(value, at);
  expect(metaspace.type, 'Metaspace', `${at}.type`);
  expect(metaspace.replacement, '▁', `${at}.replacement`);
  expect(metaspace.prepend_scheme ?? 'always', 'always', `${at}.prepend_scheme`);
  // Older files say it so.
  expect(metaspace.add_prefix_space ?? true, true, `${at}.add_prefix_space`);
  expect(metaspace.split ?? true, true, `${at}.split`);
}

function readPostProcessor(value: unknown, special: SpecialIds): void {
  const processor = fieldsOf(value, 'post_processor');
  expect(processor.type, 'TemplateProcessing', 'post_processor.type');
  const names = listOf(processor.single, 'post_processor.single', 3).map((entry, index) => {
    const step = fieldsOf(entry, `post_processor.single[${index}]`);
    const { id } = fieldsOf(step.SpecialToken ?? step.Sequence, `post_processor.single[${index}]`);
    return String(id);
  });
  expect(names.join(' '), `${SPECIAL_TEXTS.bos} A ${SPECIAL_TEXTS.eos}`, 'post_processor.single');
  const tokens = fieldsOf(processor.special_tokens, 'post_processor.special_tokens');
  for (const name of ['bos', 'eos'] as const) {
    const at = `post_processor.special_tokens["${SPECIAL_TEXTS[name]}"]`;
    const ids = listOf(fieldsOf(tokens[SPECIAL_TEXTS[name]], at).ids, `${at}.ids`, 1);
    expect(ids[0], special[name], `${at}.ids`);
  }
}

function fieldsOf(value: unknown, at: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused(at, value, 'an object');
  return value as Fields;
}

function listOf(value: unknown, at: string, most: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0) throw refused(at, value, 'a list');
  if (value.length > most) throw refused(at, value.length, `at most ${most} entries`);
  return value as unknown[];
}

function expect(value: unknown, wanted: string | number | boolean, at: string): void {
  if (value !== wanted) throw refused(at, value, JSON.stringify(wanted));
}

function refused(at: string, value: unknown, wanted: string): UserError {
  const got = value === undefined ? 'missing' : (JSON.stringify(value) ?? String(value)).slice(0, 80);
  return new UserError(
    `tokenizer.json: ${at} is ${got}, not ${wanted}; take the tokenizer.json of BAAI/bge-m3 or of the XLM-R model that was tuned`,
  );
}
