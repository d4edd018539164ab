import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readTextLines } from '../../cli/text-lines.ts';

describe('readTextLines', () => {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-lines-'));
  const file = join(directory, 'texts.txt');
  afterAll(() => rmSync(directory, { recursive: true }));

  it('gives the lines that hold more than white space, whatever ends them', () => {
    writeFileSync(file, 'one\r\n \t\ntwo \n\nthree');
    expect(readTextLines(file)).toEqual(['one', 'two ', 'three']);
  });

  it('refuses what holds no text or is not UTF-8', () => {
    writeFileSync(file, '\n \n');
    expect(() => readTextLines(file)).toThrow(/no text in it/);
    writeFileSync(file, Uint8Array.of(0x61, 0xff));
    expect(() => readTextLines(file)).toThrow(/cannot be read as UTF-8/);
  });
});
