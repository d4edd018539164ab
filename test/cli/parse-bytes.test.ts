import { describe, expect, it } from 'vitest';
import { parseBytes } from '../../cli/parse-bytes.ts';
import { UserError } from '../../cli/user-error.ts';

describe('parseBytes', () => {
  it.each([
    ['200MB', 200e6],
    ['190.5 MiB', 199753728],
    ['1e8', 1e8],
    ['3gb', 3e9],
    ['12 B', 12],
  ])('reads %s', (text, bytes) => expect(parseBytes(text, '--budget')).toBe(bytes));

  it.each(['', 'MB', '-1MB', '0', '200XB', '1e400', '2 0MB', 'NaN'])('refuses %j, naming the option', (text) => {
    expect(() => parseBytes(text, '--budget')).toThrow(UserError);
    expect(() => parseBytes(text, '--budget')).toThrow(/--budget: .* is not a size/);
  });
});
