import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseDocument } from '../../../cli/reembed/document.ts';
import { UserError } from '../../../cli/user-error.ts';

const FINGERPRINT = '0123456789abcdef';
const parse = (line: string | Uint8Array) =>
  parseDocument({ number: 7, bytes: Buffer.from(line as string), end: 0, isWhole: true }, FINGERPRINT);

describe('parseDocument', () => {
  it('knows how the line of vectors begins', () => {
    const { line, text, textBytes, head } = parse('{"text": "雨\\n", "id": "a:1", "metadata": {"b": [1, "x"]}}\r')!;
    const digest = createHash('sha256').update('雨\n').digest('hex');
    expect({ line, text, textBytes }).toEqual({ line: 7, text: '雨\n', textBytes: 4 });
    expect(head).toBe(`{"id":"a:1","content_hash":"${digest}","fingerprint":"${FINGERPRINT}","metadata":{"b":[1,"x"]}`);
  });

  it('passes over lines of white space', () => {
    expect(parse('')).toBeUndefined();
    expect(parse(' \r')).toBeUndefined();
  });

  it.each<[string, string | Uint8Array, RegExp]>([
    ['no JSON', '{"id":', /is not a JSON object; write/],
    ['a list', '["a"]', /is not a JSON object; write/],
    ['no id', '{"text":"a"}', /id must be a string/],
    ['a number as id', '{"id":1,"text":"a"}', /id must be a string/],
    ['an id with a space', '{"id":"a b","text":"a"}', /id must be a string/],
    ['no text', '{"id":"a"}', /text must be a string/],
    ['an invisible text', '{"id":"a","text":"\\u200b"}', /leave it out/],
    ['half of a surrogate pair', '{"id":"a","text":"\\ud800"}', /surrogate/],
    ['metadata that is no object', '{"id":"a","text":"a","metadata":[]}', /metadata must be an object/],
    ['a field that is not known', '{"id":"a","txt":"a"}', /field "txt"; write/],
    ['bytes that are no UTF-8', Uint8Array.of(0x22, 0xff), /UTF-8; convert/],
    ['a line too long', `{"id":"a","text":"${'a'.repeat(13 * 1024 * 1024)}"}`, /cut its text/],
    ['a text too long', `{"id":"a","text":"${'a'.repeat(2 * 1024 * 1024)}"}`, /cut it/],
  ])('refuses %s, naming the line', (_, line, words) => {
    expect(() => parse(line)).toThrow(UserError);
    expect(() => parse(line)).toThrow(/^line 7/);
    expect(() => parse(line)).toThrow(words);
  });
});
