import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { buildVocabulary } from '../../../cli/tokenizer/build.ts';
import { parseCharsmap } from '../../../cli/tokenizer/charsmap.ts';
import { UserError } from '../../../cli/user-error.ts';
import { writeCharsmap } from '../../support/charsmap.ts';
import { createRandom } from '../../support/wasm-arena.ts';
import { fixtureUrl } from '../../tokenizer/fixtures.ts';

const model = new Uint8Array(readFileSync(fixtureUrl('micro-m3/sentencepiece.bpe.model')));

describe('parseCharsmap', () => {
  it('gives back what was written', () => {
    const map = { a: 'b', 'e\u0301': 'é', '▁': ' ', 𝒳: 'X', '\u0001': '', ﷺ: 'صلى الله' };
    expect(Object.fromEntries(parseCharsmap(writeCharsmap(map)))).toEqual(map);
  });

  it('leaves out keys too long to be looked up', () => {
    expect([...parseCharsmap(writeCharsmap({ abcde: '1', abcdef: '2' })).keys()]).toEqual(['abcde']);
  });

  it('refuses a trie whose branches meet again without end', () => {
    // Every unit leads to itself by every byte, so there are 255^5 keys.
    const units = new Uint32Array(256).map((_, byte) => (byte | (1 << 8)) >>> 0);
    const bytes = new Uint8Array(4 + 1024 + 1);
    new DataView(bytes.buffer).setUint32(0, 1024, true);
    bytes.set(new Uint8Array(units.buffer), 4);
    expect(() => parseCharsmap(bytes)).toThrow(/precompiled_charsmap: /);
  });

  it('refuses or reads any bytes, and ends', () => {
    const random = createRandom(7);
    const whole = writeCharsmap({ a: 'b', é: 'e', '▁': ' ' });
    for (let round = 0; round < 2000; round++) {
      const bytes = whole.slice(0, random() < 0.2 ? Math.floor(random() * whole.length) : whole.length);
      for (let flip = 0; flip < 3; flip++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      expectReadOrRefused(() => parseCharsmap(bytes));
    }
  });
});

describe('sentencepiece.bpe.model is refused', () => {
  const build = (bytes: Uint8Array) => buildVocabulary({ kind: 'sentencepiece', bytes });

  it('when it is cut anywhere, but where nothing of use is lost', () => {
    const random = createRandom(8);
    for (let round = 0; round < 60; round++) {
      expectReadOrRefused(() => build(model.slice(0, Math.floor(random() * model.length))));
    }
  });

  it('when it is empty', () => expect(() => build(new Uint8Array(0))).toThrow(/no character map; download it again/));

  it('when it is another kind of file', () => {
    expect(() => build(new TextEncoder().encode('<!doctype html><html>'))).toThrow(/sentencepiece\.bpe\.model: /);
  });

  it('when its first pieces are others', () => {
    const at = Buffer.from(model).indexOf('<unk>');
    const bytes = model.slice();
    bytes[at + 1] = 'U'.charCodeAt(0);
    expect(() => build(bytes)).toThrow(/its first pieces are <Unk> <s> <\/s>/);
  });

  it('when a length points behind its end', () => {
    // Field 1, 2^34 bytes.
    expect(() => build(Uint8Array.of(0x0a, 0x80, 0x80, 0x80, 0x80, 0x40))).toThrow(
      /a field of 17179869184 bytes, 0 are left/,
    );
  });

  it('when a number does not end', () => {
    expect(() => build(new Uint8Array(20).fill(0xff))).toThrow(/a number does not end/);
  });
});

function expectReadOrRefused(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
  }
}
