import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ServiceError } from '../../src/errors.ts';
import { expectedFiles } from '../../src/format/expected-files.ts';
import { canonicalJson, fingerprintOf } from '../../src/format/fingerprint.ts';
import { type Manifest, parseManifest } from '../../src/format/manifest.ts';
import { NUMERICS_VERSION } from '../../src/format/numerics.ts';
import { tinyManifest } from './tiny-manifest.ts';

const SHA = 'b'.repeat(64);

type Edit = readonly [path: string, value: unknown];

/** The tiny manifest with fields, named by their path, set or, where the value is undefined, removed. */
function edited(edits: readonly Edit[]): string {
  const manifest = JSON.parse(JSON.stringify(tinyManifest()));
  for (const [path, value] of edits) {
    const keys = path.split('/');
    const last = keys.pop()!;
    const parent = keys.reduce((object, key) => object[key], manifest);
    if (value === undefined) delete parent[last];
    else Object.defineProperty(parent, last, { value, enumerable: true, configurable: true });
  }
  return JSON.stringify(manifest);
}

describe('parseManifest', () => {
  it('gives back what a valid manifest says', () => {
    expect(parseManifest(edited([]))).toEqual(tinyManifest());
  });

  it('accepts what was measured of the model, which is no part of its fingerprint', async () => {
    const fidelity = {
      texts: 192,
      tokens: 4000,
      denseMean: 1e-4,
      denseWorst: 2e-4,
      colbertMean: 0,
      colbertWorst: 1e-3,
      sparseOverlap: 1,
      sparseError: 0.01,
    };
    const manifest = parseManifest(edited([['fidelity', fidelity]]));
    expect(manifest.fidelity).toEqual(fidelity);
    expect(await fingerprintOf(manifest)).toBe(await fingerprintOf(tinyManifest()));
    const refused = (changes: object) => () => parseManifest(edited([['fidelity', { ...fidelity, ...changes }]]));
    expect(refused({ denseMean: -1 })).toThrow(/fidelity\.denseMean: got -1, wanted a number from 0/);
    expect(refused({ tokens: '9' })).toThrow(/fidelity\.tokens/);
    expect(refused({ more: 1 })).toThrow(/unknown field "more"/);
  });

  it('accepts layers of different precision', () => {
    const types = { qkv: 'u4g32', attentionOutput: 'u7', intermediate: 'u4g32', output: 'u7' } as const;
    const shape = { ...tinyManifest(), layers: [tinyManifest().layers[0]!, types] };
    const files = Object.fromEntries(
      [...expectedFiles(shape), ['tokenizer.bin', 64] as const].map(([name, bytes]) => [name, { bytes, sha256: SHA }]),
    );
    const mixed: Manifest = { ...shape, files };
    expect(parseManifest(JSON.stringify(mixed)).layers[1]).toEqual(types);
  });

  it('accepts word rows of four bits, whose pages are half as long', () => {
    const shape = { ...tinyManifest(), wordTable: { pageRows: 64, type: 'i4' } } as const;
    const files = Object.fromEntries(
      [...expectedFiles(shape), ['tokenizer.bin', 64] as const].map(([name, bytes]) => [name, { bytes, sha256: SHA }]),
    );
    const whole = 'words-00000.bin';
    const values = (bytes: number) => bytes - 256; // behind 64 scales
    expect(parseManifest(JSON.stringify({ ...shape, files })).wordTable.type).toBe('i4');
    expect(values(files[whole]!.bytes)).toBe(values(tinyManifest().files[whole]!.bytes) / 2);
  });

  // `[what, edits, the reason it is refused with]`.
  const { 'heads.bin': heads, 'tokenizer.bin': tokenizer, 'words-00001.bin': words } = tinyManifest().files;
  const hostile: readonly (readonly [string, readonly Edit[], RegExp])[] = [
    ['another format', [['format', 'm3edge/2']], /format: got "m3edge\/2", wanted m3edge\/1/],
    ['a missing field', [['tokenizer', undefined]], /no field "tokenizer"/],
    ['an unknown field', [['path', '/home/me']], /unknown field "path"/],
    ['a name with a line break', [['model/name', 'a\nb']], /model\.name: got "a\\nb"/],
    ['a name with an escape sequence', [['model/name', '\u001b[2J']], /model\.name/],
    ['an empty licence', [['model/licence', '']], /model\.licence/],
    ['a revision that is a number', [['model/revision', 1]], /model\.revision/],
    ['another preset', [['preset', 'q2']], /preset: got "q2", wanted q8 or q4/],
    [
      'a hidden size of no panel',
      [['architecture/hiddenSize', 100]],
      /architecture\.hiddenSize: got 100, .* that 64 divides/,
    ],
    ['a hidden size of 2^53', [['architecture/hiddenSize', 2 ** 53]], /architecture\.hiddenSize/],
    ['a fractional size', [['architecture/intermediateSize', 64.5]], /architecture\.intermediateSize/],
    ['a size that is a string', [['architecture/vocabularySize', '96']], /architecture\.vocabularySize: got "96"/],
    ['heads that do not divide', [['architecture/headCount', 3]], /architecture\.headCount: got 3/],
    ['more tokens than positions', [['architecture/maxTokens', 9]], /architecture\.maxTokens: got 9, wanted .* to 8$/],
    ['an epsilon of 0', [['architecture/layerNormEpsilon', 0]], /architecture\.layerNormEpsilon/],
    ['an id beyond the vocabulary', [['tokenizer/eos', 96]], /tokenizer\.eos: got 96/],
    ['a page of no rows', [['wordTable/pageRows', 0]], /wordTable\.pageRows/],
    ['words in 16 bits', [['wordTable/type', 'i16']], /wordTable\.type: got "i16", wanted i8 or i4/],
    ['a layer too few', [['layers', [{}]]], /layers: got "1 entries", wanted architecture\.layerCount \(2\)/],
    ['layers that are a number', [['layers', 2]], /layers: got 2/],
    ['an unknown packing', [['layers/1/qkv', 'u2']], /layers\[1\]\.qkv: got "u2"/],
    ['a sha256 in upper case', [['files/heads.bin/sha256', 'A'.repeat(64)]], /files\["heads\.bin"\]\.sha256/],
    ['a sha256 too short', [['files/heads.bin/sha256', 'a'.repeat(63)]], /64 lower-case hex digits/],
    [
      'a length that its layout does not have',
      [['files/layer-01.bin/bytes', 64]],
      /files\["layer-01\.bin"\]: got 64, wanted \d+ bytes/,
    ],
    ['a file beyond 24 MiB', [['files/tokenizer.bin/bytes', 24 * 2 ** 20 + 1]], /files\["tokenizer\.bin"\]\.bytes/],
    ['a name that leaves the directory', [['files/..\\heads.bin', heads]], /files: got "\.\.\\\\heads\.bin"/],
    ['a file of no use', [['files/other.bin', heads]], /files: got "9 files", wanted 8/],
    ['a missing file', [['files/words-00001.bin', undefined]], /files: got "7 files", wanted 8/],
    [
      'a file under another name',
      [
        ['files/words-00001.bin', undefined],
        ['files/words-1.bin', words],
      ],
      /files\["words-00001\.bin"\]: got nothing/,
    ],
    [
      'no tokenizer',
      [
        ['files/tokenizer.bin', undefined],
        ['files/other.bin', tokenizer],
      ],
      /files: got "nothing", wanted tokenizer\.bin/,
    ],
    [
      'dimensions that ask for millions of files',
      [
        ['architecture/vocabularySize', 1 << 22],
        ['wordTable/pageRows', 1],
      ],
      /files: got "8 files", wanted 41943/,
    ],
    ['a key that is __proto__', [['files/__proto__', heads]], /got "__proto__"/],
  ];
  it.each(hostile)('A12, F65: refuses %s', (_, edits, reason) => {
    expect(() => parseManifest(edited(edits))).toThrow(reason);
    expect(() => parseManifest(edited(edits))).toThrow(ServiceError);
  });

  it('refuses a path for a name', () => {
    const json = edited([]).replace('"heads.bin"', '"../heads.bin"');
    expect(() => parseManifest(json)).toThrow(/files: got "\.\.\/heads\.bin"/);
  });

  it.each([
    ['', /not JSON/],
    ['<!doctype html>', /not JSON/],
    ['null', /the whole: got null/],
    ['[]', /the whole: got \[\]/],
    ['['.repeat(100_000), /not JSON/],
    [' '.repeat(4 * 2 ** 20 + 1), /at most 4194304/],
  ])('refuses the text %.12s', (json, reason) => expect(() => parseManifest(json)).toThrow(reason));
});

describe('fingerprintOf', () => {
  it('is the sha256 that model-shards/README.md describes', async () => {
    const manifest = tinyManifest();
    const { architecture: a } = manifest;
    const canonical =
      `{"architecture":{"colbertSize":${a.colbertSize},"headCount":4,"hiddenSize":64,"intermediateSize":64,"layerCount":2,` +
      '"layerNormEpsilon":0.00001,"maxTokens":8,"positionCount":10,"positionOffset":2,"vocabularySize":96},' +
      '"layers":[{"attentionOutput":"u7","intermediate":"u7","output":"u7","qkv":"u7"},' +
      '{"attentionOutput":"u7","intermediate":"u7","output":"u7","qkv":"u7"}],' +
      '"positionTable":{"pageRows":64,"type":"i16"},"tokenizer":{"bos":0,"eos":2,"pad":1,"unknown":3},"wordTable":{"pageRows":64,"type":"i8"}}';
    const names = Object.keys(manifest.files).sort();
    const lines = [
      `m3edge numerics ${NUMERICS_VERSION}`,
      canonical,
      ...names.map((name) => `${manifest.files[name]!.sha256} ${name}`),
    ];
    const wanted = createHash('sha256')
      .update(`${lines.join('\n')}\n`)
      .digest('hex')
      .slice(0, 16);
    expect(await fingerprintOf(manifest)).toBe(wanted);
  });

  it('depends on weights and dimensions, not on names or the order of files', async () => {
    const manifest = tinyManifest();
    const same = {
      ...manifest,
      model: { ...manifest.model, name: 'other' },
      files: Object.fromEntries(Object.entries(manifest.files).reverse()),
    };
    const files = { ...manifest.files, 'heads.bin': { ...manifest.files['heads.bin']!, sha256: 'c'.repeat(64) } };
    expect(await fingerprintOf(same)).toBe(await fingerprintOf(manifest));
    expect(await fingerprintOf({ ...manifest, files })).not.toBe(await fingerprintOf(manifest));
    const architecture = { ...manifest.architecture, layerNormEpsilon: 1e-12 };
    expect(await fingerprintOf({ ...manifest, architecture })).not.toBe(await fingerprintOf(manifest));
  });
});

describe('canonicalJson', () => {
  it('sorts keys at every level and leaves no spaces', () => {
    expect(canonicalJson({ b: [{ d: 1, c: null }], a: 'x y' })).toBe('{"a":"x y","b":[{"c":null,"d":1}]}');
  });
});
