import { describe, expect, it } from 'vitest';
import { memoryByteSource } from '../../../cli/checkpoint/byte-source.ts';
import { openSafetensors } from '../../../cli/checkpoint/safetensors.ts';
import { UserError } from '../../../cli/user-error.ts';
import { floatBytes, safetensorsFile, zipFile } from './builders.ts';

const open = (bytes: Uint8Array) => openSafetensors(memoryByteSource(bytes, 'x.safetensors'));

describe('openSafetensors', () => {
  it('reads float32, float16 and bfloat16 rows, wherever the data begins', () => {
    const header = {
      __metadata__: { format: 'pt' },
      h: { dtype: 'F16', shape: [2, 2], data_offsets: [0, 8] },
      b: { dtype: 'BF16', shape: [3], data_offsets: [8, 14] },
      f: { dtype: 'F32', shape: [2, 1, 2], data_offsets: [14, 30] },
    };
    // 1, -2, 65504 (the largest), 2^-24 (the smallest); then bfloat16 1, -2, 3.140625
    const halves = new Uint8Array(new Uint16Array([0x3c00, 0xc000, 0x7bff, 0x0001, 0x3f80, 0xc000, 0x4049]).buffer);
    const checkpoint = open(safetensorsFile(header, Buffer.concat([halves, floatBytes([1.5, 2.5, -3.5, 1e-40])])));
    const rows = (name: string, start: number, count: number, length: number) => {
      const into = new Float32Array(length);
      checkpoint.readRows(name, start, count, into);
      return [...into];
    };
    expect(rows('h', 0, 2, 4)).toEqual([1, -2, 65504, 2 ** -24]);
    expect(rows('h', 1, 1, 2)).toEqual([65504, 2 ** -24]);
    expect(rows('b', 0, 3, 3)).toEqual([1, -2, 3.140625]);
    expect(rows('f', 1, 1, 2)).toEqual([-3.5, Math.fround(1e-40)]);
    expect(() => rows('f', 1, 2, 4)).toThrow(RangeError);
  });

  it('keeps float16 infinities and NaN', () => {
    const header = { h: { dtype: 'F16', shape: [3], data_offsets: [0, 6] } };
    const into = new Float32Array(3);
    open(safetensorsFile(header, new Uint8Array(new Uint16Array([0x7c00, 0xfc00, 0x7e00]).buffer))).readRows(
      'h',
      0,
      3,
      into,
    );
    expect([...into]).toEqual([Infinity, -Infinity, NaN]);
  });

  it('accepts the padding that aligns the data, and tensors of no elements', () => {
    const checkpoint = open(safetensorsFile('{"a":{"dtype":"F32","shape":[0,4],"data_offsets":[0,0]}}   '));
    expect(checkpoint.tensors.get('a')?.shape).toEqual([0, 4]);
  });

  // One line a fault: `[what, file, the reason it is refused with]`.
  const tensor = (fields: object) => ({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...fields } });
  const eight = floatBytes([1, 2]);
  const hostile: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['an empty file', new Uint8Array(0), /0 bytes are too few/],
    ['N = 0', safetensorsFile('{}', eight, 0n), /header of 0 bytes/],
    ['N above 100 MB', safetensorsFile('{}', eight, 100_000_001n), /header of 100000001 bytes, at most/],
    ['N above the file', safetensorsFile('{}', eight, 11n), /header of 11 bytes in a file with 10 left/],
    ['N = 2^63', safetensorsFile('{}', eight, 2n ** 63n), /header of 9223372036854775808 bytes/],
    ['N = 2^64 - 1', safetensorsFile('{}', eight, 2n ** 64n - 1n), /header of 18446744073709551615 bytes/],
    ['a header that is not an object', safetensorsFile('[1]', eight), /does not begin with "{"/],
    ['space before the header', safetensorsFile(` ${JSON.stringify(tensor({}))}`, eight), /does not begin with "{"/],
    ['text after the header', safetensorsFile(`${JSON.stringify(tensor({}))}x`, eight), /text after the value/],
    [
      'data after the last tensor',
      safetensorsFile(tensor({}), floatBytes([1, 2, 3])),
      /12 bytes of data, the tensors take 8/,
    ],
    ['invalid UTF-8', safetensorsFile(Buffer.from('{"\xff":{}}', 'latin1'), eight), /not valid UTF-8/],
    [
      'duplicate keys',
      safetensorsFile(`{"a":${JSON.stringify(tensor({}).a)},"a":${JSON.stringify(tensor({}).a)}}`, eight),
      /duplicate key "a"/,
    ],
    ['duplicate fields', safetensorsFile('{"a":{"dtype":"F32","dtype":"F16"}}', eight), /duplicate key "dtype"/],
    [
      'a key that is __proto__',
      safetensorsFile('{"__proto__":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}}', eight),
      /data_offsets \[0, 9\]/,
    ],
    ['deep nesting', safetensorsFile(`{"a":${'['.repeat(100_000)}`, eight), /nesting deeper than 16/],
    ['a string without end', safetensorsFile('{"a', eight), /ends inside a string/],
    ['a negative offset', safetensorsFile(tensor({ data_offsets: [-8, 0] }), eight), /data_offsets \[-8,0\]/],
    ['a fractional offset', safetensorsFile(tensor({ data_offsets: [0.5, 8] }), eight), /data_offsets/],
    ['offsets the wrong way round', safetensorsFile(tensor({ data_offsets: [8, 0] }), eight), /data_offsets \[8, 0\]/],
    [
      'offsets out of the file',
      safetensorsFile(tensor({ data_offsets: [8, 16] }), eight),
      /data_offsets \[8, 16\] in 8 bytes/,
    ],
    [
      'overlapping tensors',
      safetensorsFile({ ...tensor({}), b: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }, eight),
      /"b" begins at 4, the one before ends at 8/,
    ],
    [
      'a gap',
      safetensorsFile(tensor({ shape: [1], data_offsets: [4, 8] }), eight),
      /"a" begins at 4, the one before ends at 0/,
    ],
    [
      'a shape whose product overflows',
      safetensorsFile(tensor({ shape: [2 ** 32, 2 ** 32, 2 ** 32] }), eight),
      /takes \S+ bytes/,
    ],
    [
      'a shape beyond 2^53',
      safetensorsFile('{"a":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,8]}}', eight),
      /shape/,
    ],
    ['a negative dimension', safetensorsFile(tensor({ shape: [-1, -2] }), eight), /shape \[-1,-2\]/],
    ['too many dimensions', safetensorsFile(tensor({ shape: [2, 1, 1, 1, 1, 1, 1, 1, 1] }), eight), /at most 8/],
    ['a shape of other bytes', safetensorsFile(tensor({ shape: [3] }), eight), /takes 12 bytes, data_offsets hold 8/],
    ['an unknown dtype', safetensorsFile(tensor({ dtype: 'F128' }), eight), /unknown dtype "F128"/],
    ['a dtype of the prototype', safetensorsFile(tensor({ dtype: 'constructor' }), eight), /unknown dtype/],
    ['an unknown field', safetensorsFile(tensor({ file: '../../etc/passwd' }), eight), /unknown field "file"/],
    ['a pickle renamed', Buffer.from([0x80, 2, 0x7d, 0x2e, 0, 0, 0, 0]), /this is a PyTorch file/],
    ['a zip renamed', zipFile([{ name: 'm/data.pkl', bytes: eight }]), /this is a PyTorch file/],
  ];
  it.each(hostile)('F59: refuses %s', (_, bytes, reason) => {
    expect(() => open(bytes)).toThrow(UserError);
    expect(() => open(bytes)).toThrow(reason);
  });
});
