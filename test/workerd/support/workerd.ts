import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Bundle, projectRoot } from './bundle.ts';

export interface WorkerdOptions {
  readonly bundle: Bundle;
  /** Bindings, as [vars] of wrangler.toml gives them; these come on top of those. */
  readonly vars: Readonly<Record<string, string | number>>;
  /** Compatibility flags to leave out. */
  readonly withoutFlags?: readonly string[];
  /** Opens the inspector. */
  readonly inspect?: boolean;
}

/** One `workerd serve`, with no other service in its process. */
export interface Workerd {
  readonly port: number;
  readonly inspectorPort: number | undefined;
  /** What it has written so far. */
  readonly log: () => string;
  /** Bytes of the process's resident set. */
  readonly residentBytes: () => number;
  stop(): Promise<void>;
}

/** It takes a tenth of a second, on a busy machine some. */
const START_MS = 60_000;
/** The path of workerd's binary; a CommonJS module that says it is one of the other kind. */
const binary: string = createRequire(import.meta.url)('workerd').default;

let configs = 0;

export async function startWorkerd(options: WorkerdOptions): Promise<Workerd> {
  const { bundle, inspect } = options;
  const config = join(bundle.directory, `config-${process.pid}-${++configs}.capnp`);
  writeFileSync(config, writeConfig(options));
  const args = ['serve', config, '--control-fd=3', ...(inspect ? ['--inspector-addr=127.0.0.1:0'] : [])];
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream!.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  }
  const ports = await listening(child, inspect ? ['http', 'inspector'] : ['http'], () => log);
  return {
    port: ports.get('http')!,
    inspectorPort: ports.get('inspector'),
    log: () => log,
    residentBytes: () => residentBytes(child.pid!),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

/** The ports that workerd has chosen, once it listens on all of them. */
async function listening(child: ChildProcess, wanted: readonly string[], log: () => string) {
  const ports = new Map<string, number>();
  const control = (child.stdio[3] as Readable).setEncoding('utf8');
  const timer = setTimeout(() => child.kill('SIGKILL'), START_MS);
  let text = '';
  for await (const chunk of control) {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop()!;
    for (const line of lines) {
      const { event, socket, port } = JSON.parse(line) as { event: string; socket?: string; port: number };
      ports.set(event === 'listen-inspector' ? 'inspector' : socket!, port);
    }
    if (wanted.every((name) => ports.has(name))) break;
  }
  clearTimeout(timer);
  if (!wanted.every((name) => ports.has(name))) throw new Error(`workerd did not start:\n${log()}`);
  return ports;
}

/** Field 24 of /proc/PID/stat, in pages. */
function residentBytes(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
  return Number(fields[1]) * 4096;
}

const quoted = (text: string) => JSON.stringify(text);

function writeConfig({ bundle, vars, withoutFlags = [] }: WorkerdOptions): string {
  const { date, flags, defaults } = readWranglerToml();
  const modules = [
    `(name = "worker.js", esModule = embed ${quoted(bundle.script)})`,
    ...bundle.wasm.map((name) => `(name = ${quoted(name)}, wasm = embed ${quoted(name)})`),
  ];
  const bindings = Object.entries({ ...defaults, ALLOW_ANONYMOUS: 'true', ...vars }).map(
    ([name, value]) => `(name = ${quoted(name)}, json = ${quoted(JSON.stringify(value))})`,
  );
  const kept = flags.filter((flag) => !withoutFlags.includes(flag));
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "network", network = (allow = ["private", "public"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [${modules.join(', ')}],
  compatibilityDate = ${quoted(date)},
  compatibilityFlags = [${kept.map(quoted).join(', ')}],
  bindings = [${bindings.join(', ')}],
  globalOutbound = "network",
);
`;
}

/** The Worker's own settings; a line each, as the file has them. */
function readWranglerToml() {
  const text = readFileSync(join(projectRoot, 'wrangler.toml'), 'utf8').replace(/(^|\s)#.*$/gm, '');
  const date = /^compatibility_date = "([^"]+)"/m.exec(text)?.[1];
  const flags = /^compatibility_flags = \[([^\]]*)\]/m.exec(text)?.[1];
  const vars = /^\[vars\]\n([^[]*)/m.exec(text)?.[1];
  if (!date || flags === undefined || !vars) throw new Error('wrangler.toml: no compatibility_date, flags or [vars]');
  const defaults: Record<string, string | number> = {};
  for (const [, name, value] of vars.matchAll(/^(\w+) = (.+?)\s*$/gm)) {
    defaults[name!] = value!.startsWith('"') ? value!.slice(1, -1) : Number(value!.replaceAll('_', ''));
  }
  return { date, flags: [...flags.matchAll(/"([^"]+)"/g)].map((match) => match[1]!), defaults };
}
