import { describe, expect, it } from 'vitest';
import { buildVocabulary } from '../../cli/tokenizer/build.ts';
import { ServiceError } from '../../src/errors.ts';
import { createTokenizer } from '../../src/tokenizer/tokenizer.ts';
import { HEADER_FIELDS, parseVocabulary, planSections, type Vocabulary } from '../../src/tokenizer/vocabulary.ts';
import { hostileTexts } from '../support/hostile-texts.ts';
import { createRandom } from '../support/wasm-arena.ts';
import { microJson } from './fixtures.ts';

const bytes = buildVocabulary({ kind: 'tokenizer.json', json: microJson() });
const header = new Uint32Array(bytes.buffer, 0, HEADER_FIELDS.length);
const { sections } = planSections(
  Object.fromEntries(HEADER_FIELDS.map((name, index) => [name, header[index]])) as Parameters<typeof planSections>[0],
);

function expectCorrupt(file: Uint8Array, reason: RegExp): void {
  const parse = () => parseVocabulary(file);
  expect(parse).toThrow(ServiceError);
  expect(parse).toThrow(reason);
  expect(parse).toThrow(expect.objectContaining({ code: 'model_shard_corrupt' }));
}

function changed(change: (file: Uint8Array) => void): Uint8Array {
  const file = bytes.slice();
  change(file);
  return file;
}

const setHeader = (name: (typeof HEADER_FIELDS)[number], value: number) =>
  changed((file) => new Uint32Array(file.buffer).set([value], HEADER_FIELDS.indexOf(name)));

/** Sets one element of a section. */
const setElement = (name: keyof typeof sections, index: number, value: number) =>
  changed((file) => {
    const { type, offset, length } = sections[name];
    new type(file.buffer as ArrayBuffer, offset, length)[index] = value;
  });

describe('parseVocabulary', () => {
  it('shares the memory of the file', () => {
    expect(parseVocabulary(bytes).scores.buffer).toBe(bytes.buffer);
  });

  it('reads a file that begins at any byte of its buffer', () => {
    for (const offset of [1, 2, 4, 7]) {
      const buffer = new Uint8Array(bytes.length + 8);
      buffer.set(bytes, offset);
      const vocabulary = parseVocabulary(buffer.subarray(offset, offset + bytes.length));
      expect(createTokenizer(vocabulary).encode('human rights').ids).toEqual(
        createTokenizer(parseVocabulary(bytes)).encode('human rights').ids,
      );
    }
  });

  it.each([0, 1, 67, 68, 1000, bytes.length - 64, bytes.length - 1])('refuses a file cut to %d bytes', (length) => {
    expectCorrupt(bytes.slice(0, length), /bytes/);
  });

  it('refuses a file with bytes behind its end', () => {
    const longer = new Uint8Array(bytes.length + 64);
    longer.set(bytes);
    expectCorrupt(longer, /its sections need/);
  });

  it.each(HEADER_FIELDS)('refuses a file whose %s is not what its sections need', (name) => {
    for (const value of [0xffffffff, 0x7fffffff]) expectCorrupt(setHeader(name, value), /tokenizer\.bin: /);
  });

  it.each([
    ['scores', 17, Number.NaN, /score/],
    ['scores', 17, Number.NEGATIVE_INFINITY, /score/],
    ['units', 0, 1, /no pieces/],
    ['units', 0, 0x7ffffffc, /slot 0 of the trie/],
    ['units', 0, -4, /slot 0 of the trie/],
    ['pageOfBlock', 3, 0xffff, /block 3/],
    ['pages', 5, 0, /entry 5/],
    ['pages', 5, 0xffff, /entry 5/],
    ['poolStart', 0, 1, /fill the pool/],
    ['poolStart', 1, 0xffffffff, /ends before it begins/],
    ['pool', 0, 0, /code 0 of the replacements/],
    ['pairReplacement', 0, 0xffff, /pair 0/],
    ['characterOfCode', 4, 0x110000, /code 4/],
  ] as const)('refuses %s[%d] = %d', (name, index, value, reason) => {
    expectCorrupt(setElement(name, index, value), reason);
  });

  it('gives a tokenizer that stays inside its arrays and ends, whatever bytes it accepts', () => {
    const random = createRandom(4);
    const texts = [...hostileTexts(9, 12), 'human rights '.repeat(20)];
    let accepted = 0;
    for (let round = 0; round < 600; round++) {
      const file = bytes.slice();
      // Flips in one section each, behind the header: all but the first few of them are accepted or refused by the checks above.
      const { type, offset, length } = Object.values(sections)[round % Object.keys(sections).length]!;
      const flips = 1 + Math.floor(random() * 40);
      for (let flip = 0; flip < flips; flip++) {
        const at = offset + Math.floor(random() * length * type.BYTES_PER_ELEMENT);
        file[at] = file[at]! ^ (1 << Math.floor(random() * 8));
      }
      let vocabulary: Vocabulary;
      try {
        vocabulary = parseVocabulary(file);
      } catch (error) {
        expect(error).toBeInstanceOf(ServiceError);
        continue;
      }
      accepted++;
      const tokenizer = createTokenizer(guarded(vocabulary));
      for (const text of texts) {
        const { ids, offsets } = tokenizer.encodeWithOffsets(text);
        expect(offsets.length).toBe(ids.length * 2);
        expect(ids.every((id) => id < vocabulary.vocabularySize)).toBe(true);
        tokenizer.decode(ids);
      }
    }
    expect(accepted).toBeGreaterThan(50);
  });
});

/** Throws where an element outside an array is read. */
function guarded(vocabulary: Vocabulary): Vocabulary {
  const guard = (array: object & { length: number }) =>
    new Proxy(array, {
      get(target, name) {
        if (typeof name === 'string' && /^-?\d/.test(name) && !(name in target))
          throw new Error(`element ${name} is read`);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  const entries = Object.entries(vocabulary).map(([name, value]) => [
    name,
    ArrayBuffer.isView(value) ? guard(value as never) : value,
  ]);
  return Object.fromEntries(entries) as Vocabulary;
}
