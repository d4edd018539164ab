import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrateLocal } from '../../cli/migrate-local.ts';
import { M3EDGE, start } from './run-command.ts';

export interface DevServer {
  readonly url: string;
  readonly port: number;
  /** Where its model is staged; unlike any other path on this machine. */
  readonly assets: string;
  readonly process: ChildProcess;
  /** What it has printed so far. */
  output(): string;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/**
 * `m3edge dev`, once it has said what it serves, on a state that is gone with it where the command names none: servers that share one lock each
 * other out of its database.
 *
 * @param command What to start it with, if not by itself.
 */
export async function startDevServer(model: string, command = [...M3EDGE, 'dev']): Promise<DevServer> {
  const directory = mkdtempSync(join(tmpdir(), 'm3edge-dev-'));
  const assets = join(directory, 'assets');
  const port = await freePort();
  const state = join(directory, 'state');
  if (!command.includes('--state')) await migrateLocal(state);
  const options = ['--model', model, '--port', String(port), '--assets', assets];
  const child = start([...command, ...options, ...(command.includes('--state') ? [] : ['--state', state])]);
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => (output += chunk));
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal);
    const [code] = await exited;
    rmSync(directory, { recursive: true, force: true });
    return code;
  };
  const isUp = new Promise<void>((resolve) => {
    child.stdout!.on('data', () => {
      if (output.includes('curl -s ')) resolve();
    });
  });
  const failed = exited.then(([code]) => {
    throw new Error(`m3edge dev ended with ${code}:\n${output}`);
  });
  failed.catch(() => {}); // an end that is asked for is none of its business
  await Promise.race([isUp, failed]);
  return { url: `http://127.0.0.1:${port}`, port, assets, process: child, output: () => output, stop };
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** A request whose path and headers go out as they are: `fetch` would tidy them. */
export async function rawRequest(
  port: number,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body: readonly Uint8Array[] = [],
): Promise<{ status: number; text: string }> {
  const outgoing = request({ host: '127.0.0.1', port, method, path, headers });
  const answered = once(outgoing, 'response');
  outgoing.on('error', () => {}); // the answer may come before the body is sent
  for (const chunk of body) outgoing.write(chunk);
  outgoing.end();
  const [response] = await answered;
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, text };
}
