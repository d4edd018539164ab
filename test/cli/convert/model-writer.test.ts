import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createModelWriter, type ModelWriter } from '../../../cli/convert/model-writer.ts';
import { UserError } from '../../../cli/user-error.ts';
import { expectedFiles } from '../../../src/format/expected-files.ts';
import { parseManifest } from '../../../src/format/manifest.ts';
import { tinyManifest } from '../../format/tiny-manifest.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'm3edge-writer-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const { files: _, ...head } = tinyManifest();

/** Every file of the tiny model, filled with one byte. */
function addFiles(writer: ModelWriter, fill = 0): void {
  for (const [name, bytes] of expectedFiles(head)) writer.addFile(name, new Uint8Array(bytes).fill(fill));
  writer.addFile('tokenizer.bin', new Uint8Array(64).fill(fill));
}

describe('createModelWriter', () => {
  it('shows nothing at the target before finish, and a whole model after', () => {
    const out = join(home, 'deep', 'model');
    const writer = createModelWriter(out);
    addFiles(writer);
    expect(existsSync(out)).toBe(false);
    const manifest = writer.finish(head);
    expect(parseManifest(readFileSync(join(out, 'manifest.json'), 'utf8'))).toEqual(manifest);
    expect(readdirSync(out).sort()).toEqual([...Object.keys(manifest.files), 'manifest.json'].sort());
    expect(readdirSync(join(home, 'deep'))).toEqual(['model']);
  });

  it('writes a file from parts as from one piece', async () => {
    const writer = createModelWriter(join(home, 'model'));
    addFiles(writer, 3);
    const [name, file] = Object.entries(writer.finish(head).files).find(([name]) => name.startsWith('layer'))!;
    const inParts = createModelWriter(join(home, 'parts'));
    const half = new Uint8Array(file.bytes / 2).fill(3);
    await inParts.addStream(name, [half, half]);
    for (const [other, bytes] of expectedFiles(head))
      if (other !== name) inParts.addFile(other, new Uint8Array(bytes).fill(3));
    inParts.addFile('tokenizer.bin', new Uint8Array(64).fill(3));
    expect(inParts.finish(head).files[name]).toEqual(file);
  });

  it('replaces a model, and an empty directory', () => {
    const out = join(home, 'model');
    mkdirSync(out);
    for (const fill of [1, 2]) {
      const writer = createModelWriter(out);
      addFiles(writer, fill);
      writer.finish(head);
      expect(readFileSync(join(out, 'tokenizer.bin'))[0]).toBe(fill);
    }
    expect(readdirSync(home)).toEqual(['model']);
  });

  it('refuses a directory that holds anything else, and a file', () => {
    const out = join(home, 'photos');
    mkdirSync(out);
    writeFileSync(join(out, 'cat.jpg'), 'meow');
    expect(() => createModelWriter(out)).toThrow(UserError);
    expect(() => createModelWriter(out)).toThrow(/not empty, and not a model; choose another --out/);
    expect(() => createModelWriter(join(out, 'cat.jpg'))).toThrow(/not a directory/);
    writeFileSync(join(out, 'manifest.json'), '{"name":"a web app"}');
    expect(() => createModelWriter(out)).toThrow(/not a model/);
    expect(readdirSync(out).sort()).toEqual(['cat.jpg', 'manifest.json']);
  });

  it('leaves nothing behind when it is aborted, and the old model where it was', () => {
    const out = join(home, 'model');
    const first = createModelWriter(out);
    addFiles(first, 1);
    first.finish(head);
    const second = createModelWriter(out);
    second.addFile('tokenizer.bin', new Uint8Array(64));
    second.abort();
    expect(readdirSync(home)).toEqual(['model']);
    expect(readFileSync(join(out, 'tokenizer.bin'))[0]).toBe(1);
  });

  it('refuses to finish a model that lacks a file', () => {
    const writer = createModelWriter(join(home, 'model'));
    writer.addFile('tokenizer.bin', new Uint8Array(64));
    expect(() => writer.finish(head)).toThrow(/files: got "1 files", wanted 8/);
    writer.abort();
    expect(readdirSync(home)).toEqual([]);
  });

  it('refuses names that are paths, and a name twice', () => {
    const writer = createModelWriter(join(home, 'model'));
    writer.addFile('heads.bin', new Uint8Array(1));
    for (const name of ['../heads.bin', '/tmp/heads.bin', 'a/b.bin', 'heads.txt', 'heads.bin', 'manifest.json']) {
      expect(() => writer.addFile(name, new Uint8Array(1))).toThrow(/not a new model file/);
    }
    writer.abort();
  });

  it('clears what a killed run left beside the target, and puts back a model it had set aside', () => {
    const dead = 2 ** 22 + 1; // beyond Linux's highest process id
    mkdirSync(join(home, `.model.partial-${dead}-00000000`));
    mkdirSync(join(home, `.model.replaced-${dead}-00000000`));
    writeFileSync(join(home, `.model.replaced-${dead}-00000000`, 'manifest.json'), JSON.stringify(tinyManifest()));
    mkdirSync(join(home, `.model.partial-${process.pid}-00000000`)); // this one lives
    mkdirSync(join(home, '.modelling.partial-1-00000000')); // this one is another's
    createModelWriter(join(home, 'model')).abort();
    expect(readdirSync(home).sort()).toEqual([
      `.model.partial-${process.pid}-00000000`,
      '.modelling.partial-1-00000000',
      'model',
    ]);
  });
});
