import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const M3EDGE = [process.execPath, join(root, 'cli/bin.js')];

/** Starts a command in the project's directory. */
export function start([program, ...args]: readonly string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(program!, args, { cwd: root, env: { ...process.env, ...env }, stdio: 'pipe' });
}

export const startM3edge = (args: readonly string[], env = {}): ChildProcess => start([...M3EDGE, ...args], env);

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `m3edge ARGS` to its end. */
export const m3edge = (args: readonly string[], input: string | Uint8Array = '', env = {}): Promise<Finished> =>
  run([...M3EDGE, ...args], input, env);

/** Runs a command to its end. */
export async function run(
  command: readonly string[],
  input: string | Uint8Array = '',
  env: Record<string, string> = {},
): Promise<Finished> {
  const child = start(command, env);
  child.stdin!.on('error', () => {}); // it may end before it has read everything
  child.stdin!.end(input);
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'exit') as Promise<[number | null]>,
    text(child.stdout!),
    text(child.stderr!),
  ]);
  return { code, stdout, stderr };
}

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** The lines of a command's output, each parsed. */
// biome-ignore lint/suspicious/noExplicitAny: an answer is looked at field by field
export const jsonLines = (output: string): any[] =>
  output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
