import { parseArgs } from 'node:util';
import type { ArgsDef } from 'citty';
import { UserError } from './user-error.ts';

/**
 * Refuses what citty lets pass: options that do not exist, options without their value, words too many.
 *
 * @throws UserError naming the option.
 */
export function checkOptions(args: readonly string[], definitions: ArgsDef): void {
  const options = Object.entries(definitions).filter(([, { type }]) => type !== 'positional');
  const takesValue = (name: string) => {
    const definition = options.find(([option]) => option === name)?.[1];
    return definition && definition.type !== 'boolean';
  };
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(options.map(([name]) => [name, { type: takesValue(name) ? 'string' : 'boolean' }])),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const names = options.map(([name]) => `--${name}`);
  const known = names.length > 0 ? `there are ${names.join(', ')}` : 'there are none';
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    if (!options.some(([name]) => name === token.name))
      throw new UserError(`${token.rawName}: no such option; ${known}`);
    if (!takesValue(token.name)) {
      if (token.value !== undefined) throw new UserError(`${token.rawName} takes no value`);
    } else if (token.value === undefined || (!token.inlineValue && token.value.startsWith('--'))) {
      throw new UserError(`${token.rawName} needs a value`);
    }
  }
  const words = tokens.filter(({ kind }) => kind === 'positional').length;
  const places = Object.values(definitions).filter(({ type }) => type === 'positional').length;
  if (words > places) {
    throw new UserError(
      places === 0 ? 'texts come on stdin, a line each; nothing but options is read here' : 'too many words',
    );
  }
}
