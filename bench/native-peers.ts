import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeGguf } from './native/gguf.ts';

const directory = fileURLToPath(new URL('native', import.meta.url));

/** A native runtime in a process of its own, one thread. */
export interface NativePeer {
  readonly name: string;
  readonly pid: number;
  runPass(tokens: number): Promise<void>;
  stop(): void;
}

/**
 * Installs and starts what there is to compare with.
 *
 * @param say Told what is left out, and why.
 */
export async function startNativePeers(say: (line: string) => void): Promise<NativePeer[]> {
  try {
    install();
  } catch (error) {
    say(`native peers are left out: npm install in bench/native fails: ${firstLine(error)}`);
    return [];
  }
  const peers: NativePeer[] = [];
  const add = async (name: string, start: () => Promise<NativePeer>) => {
    try {
      peers.push(await start());
    } catch (error) {
      say(`${name} is left out: ${firstLine(error)}`);
    }
  };
  await add('onnxruntime-node', () => startPeer('onnxruntime-node int8', 'onnxruntime.ts', []));
  const gguf = join(tmpdir(), 'm3edge-bench-q8_0.gguf');
  if (!existsSync(gguf)) writeGguf(gguf);
  if (hasAmx()) {
    await add('llama.cpp, AMX', () => startPeer('llama.cpp q8_0, AMX', 'llama.ts', [gguf]));
    await add('llama.cpp without AMX', () => withoutAmx(() => startPeer('llama.cpp q8_0', 'llama.ts', [gguf])));
  } else {
    say('llama.cpp with AMX is left out: this CPU has none');
    await add('llama.cpp', () => startPeer('llama.cpp q8_0', 'llama.ts', [gguf]));
  }
  return peers;
}

function install(): void {
  if (existsSync(join(directory, 'node_modules/.package-lock.json'))) return;
  execFileSync('npm', ['install', '--no-audit', '--no-fund'], { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
}

const firstLine = (error: unknown) => String(error instanceof Error ? error.message : error).split('\n')[0];

function hasAmx(): boolean {
  return existsSync('/proc/cpuinfo') && readFileSync('/proc/cpuinfo', 'utf8').includes(' amx_int8');
}

/** llama.cpp takes the best of its CPU libraries: with the AMX ones out of sight while it loads, one without. */
async function withoutAmx<T>(start: () => Promise<T>): Promise<T> {
  const bins = join(directory, 'node_modules/@node-llama-cpp/linux-x64/bins/linux-x64');
  const hidden = readdirSync(bins).filter((name) => /sapphirerapids|graniterapids/.test(name));
  for (const name of hidden) renameSync(join(bins, name), join(bins, `${name}.hidden`));
  try {
    return await start();
  } finally {
    for (const name of hidden) renameSync(join(bins, `${name}.hidden`), join(bins, name));
  }
}

async function startPeer(name: string, script: string, args: string[]): Promise<NativePeer> {
  const child = fork(join(directory, script), args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let errors = '';
  child.stderr!.on('data', (chunk) => (errors += chunk));
  await answerOf(child, () => errors);
  return {
    name,
    pid: child.pid!,
    async runPass(tokens) {
      const answered = answerOf(child, () => errors);
      child.send(tokens);
      await answered;
    },
    stop: () => child.kill(),
  };
}

/** The next message of `native/answer.ts`. */
function answerOf(child: ChildProcess, errors: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(lastLines(errors()) || `it ended with ${code}`));
    child.once('exit', onExit);
    child.once('message', () => {
      child.off('exit', onExit);
      resolve();
    });
  });
}

const lastLines = (text: string) =>
  text.split('\n').filter((line) => /error/i.test(line))[0] ?? text.trim().split('\n').at(-1);
