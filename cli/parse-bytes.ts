import { UserError } from './user-error.ts';

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/** `200MB`, `190.5 MiB`, `1e8`. @param option Named in the error. @throws UserError */
export function parseBytes(text: string, option: string): number {
  const [, count = '', unit = ''] = /^([0-9.e]+)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const bytes = Number(count) * (UNITS[unit.toLowerCase()] ?? Number.NaN);
  if (count === '' || !(bytes > 0 && bytes <= Number.MAX_SAFE_INTEGER))
    throw new UserError(`${option}: ${JSON.stringify(text.slice(0, 40))} is not a size; write 200MB or 190MiB`);
  return Math.floor(bytes);
}
