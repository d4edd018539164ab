const BYTES = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x28, 0x2e, 0x63, 0x52, 0x7b, 0x22];
const INTEGERS = [0n, 1n, 2n ** 15n, 2n ** 16n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];
const NUMBERS = [
  '0',
  '-1',
  '1e308',
  '1e-7',
  '0.5',
  '9007199254740993',
  '18446744073709551616',
  'null',
  '""',
  '[]',
  '{}',
  'true',
  '-0',
  '00',
];
const TEXTS = [
  '../',
  '/etc/passwd',
  '__proto__',
  'constructor',
  '\u0000',
  '"',
  '\\',
  '\ud800',
  'F64',
  'roberta.',
  'os\nsystem\n',
  '[[[[[[[[',
  '{"a":',
];

/** One to four random changes to a copy of `bytes`: of bits, bytes, integers, numerals and words, and of order and length. */
export function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  let result = Buffer.from(bytes);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(values: readonly T[]): T => values[below(values.length)]!;
  for (let changes = 1 + below(4); changes > 0 && result.length > 0; changes--) {
    const at = below(result.length);
    const span = result.subarray(at, at + 1 + below(random() < 0.5 ? 8 : 256));
    const replace = (length: number, by: Uint8Array) =>
      Buffer.concat([result.subarray(0, at), by, result.subarray(at + length)]);
    switch (below(9)) {
      case 0:
        result[at]! ^= 1 << below(8);
        break;
      case 1:
        result[at] = pick(BYTES);
        break;
      case 2: {
        const integer = Buffer.alloc(8);
        integer.writeBigUInt64LE(pick(INTEGERS));
        result.set(integer.subarray(0, Math.min(pick([2, 4, 8]), result.length - at)), at);
        break;
      }
      case 3: // cut out
        result = replace(span.length, Buffer.alloc(0));
        break;
      case 4: // repeat
        result = replace(0, Buffer.concat(Array(1 + below(3)).fill(span)));
        break;
      case 5: // copy over
        span.copy(result, below(result.length));
        break;
      case 6: // truncate
        result = Buffer.from(result.subarray(0, at));
        break;
      case 7: {
        // a numeral, if one is near
        const numeral = /\d+/.exec(result.toString('latin1', at, at + 64));
        if (numeral === null) break;
        const start = at + numeral.index;
        result = Buffer.concat([
          result.subarray(0, start),
          Buffer.from(pick(NUMBERS)),
          result.subarray(start + numeral[0].length),
        ]);
        break;
      }
      default:
        result = replace(below(2) * span.length, Buffer.from(pick(TEXTS)));
    }
  }
  return result;
}
