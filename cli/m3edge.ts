import { stripVTControlCharacters } from 'node:util';
import { type ArgsDef, type CommandDef, defineCommand, renderUsage, runCommand } from 'citty';
import packageJson from '../package.json' with { type: 'json' };
import { ServiceError } from '../src/errors.ts';
import { checkOptions } from './check-options.ts';
import { UserError } from './user-error.ts';

// biome-ignore lint/suspicious/noExplicitAny: citty's own type for a command of whatever arguments
type AnyCommand = CommandDef<any>;

/** Loaded when they are asked for: `m3edge --help` needs no engine. */
const COMMANDS: Readonly<Record<string, () => Promise<AnyCommand>>> = {
  encode: async () => (await import('./commands/encode.ts')).encodeCommand,
  score: async () => (await import('./commands/score.ts')).scoreCommand,
  tokenize: async () => (await import('./commands/tokenize.ts')).tokenizeCommand,
  model: async () => (await import('./commands/model.ts')).modelCommand,
  reembed: async () => (await import('./commands/reembed.ts')).reembedCommand,
  dev: async () => (await import('./commands/dev.ts')).devCommand,
};

const root = defineCommand({
  meta: {
    name: 'm3edge',
    version: packageJson.version,
    description: 'BGE-M3 embeddings and scores: dense, sparse and ColBERT from one pass',
  },
  subCommands: COMMANDS,
});

/** Runs a command line. Errors go to stderr with the fix; exit code 2 is the user's mistake, 1 is ours. */
export async function main(args: readonly string[]): Promise<void> {
  // Whoever reads our lines may stop early, as `head` does: that is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    await run([...args]);
  } catch (error) {
    process.exitCode = report(error);
  }
}

async function run(args: string[]): Promise<void> {
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-v')) {
    console.log(packageJson.version);
    return;
  }
  const { command, parent, rest } = await findCommand(args);
  if (rest.includes('--help') || rest.includes('-h')) {
    const usage = await renderUsage(command, parent);
    console.log(process.stdout.isTTY ? usage : stripVTControlCharacters(usage));
    return;
  }
  if (command.subCommands) {
    const names = Object.keys(command.subCommands).join(', ');
    const [name] = rest;
    throw new UserError(
      name ? `${name}: no such command; there are ${names}` : `name a command: ${names}; m3edge --help says more`,
    );
  }
  checkOptions(rest, (command.args ?? {}) as ArgsDef);
  await runCommand(command, { rawArgs: rest });
}

/** Follows the leading words of `args` down to a command. */
async function findCommand(args: readonly string[]) {
  let command: AnyCommand = root;
  let parent: AnyCommand | undefined;
  let rest = [...args];
  while (command.subCommands) {
    const commands = command.subCommands as Record<string, AnyCommand | (() => Promise<AnyCommand>)>;
    const name = rest[0] ?? '';
    if (!Object.hasOwn(commands, name)) break;
    const found: AnyCommand | (() => Promise<AnyCommand>) = commands[name]!;
    parent = command;
    command = typeof found === 'function' ? await found() : found;
    rest = rest.slice(1);
  }
  return { command, parent, rest };
}

/** Failures that are nobody's mistake but ours. */
const OURS: readonly string[] = ['internal', 'engine_numeric'];

/** @returns The exit code. */
function report(error: unknown): 1 | 2 {
  const isUsage = error instanceof Error && error.name === 'CLIError';
  if (isUsage || error instanceof UserError || (error instanceof ServiceError && !OURS.includes(error.code))) {
    process.stderr.write(`m3edge: ${(error as Error).message}\n`);
    return 2;
  }
  const details = error instanceof Error ? error.stack : String(error);
  process.stderr.write(`m3edge: this is a fault of m3edge's own, please report it:\n${details}\n`);
  return 1;
}
