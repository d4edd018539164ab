import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command, Fault, Reply, Throttle } from './faults.ts';

/** A process of its own: serves a directory over HTTP as storage does, slowly or wrongly as its parent says. */

const [directory = '.'] = process.argv.slice(2);
const CHUNK_BYTES = 64 * 1024;

let faults: (Fault & { left: number })[] = [];
let throttle: Throttle | null = null;
let requests: string[] = [];
let released = Promise.withResolvers<void>();

const contents = new Map<string, Uint8Array>();
function read(file: string): Uint8Array | undefined {
  try {
    const bytes = contents.get(file) ?? readFileSync(join(directory, file));
    contents.set(file, bytes);
    return bytes;
  } catch {
    return undefined;
  }
}

const takeFault = (file: string) => {
  const fault = faults.find((candidate) => candidate.left > 0 && file.includes(candidate.file));
  if (fault) fault.left--;
  return fault;
};

async function answer(file: string, response: ServerResponse): Promise<void> {
  if (throttle) await sleep(throttle.latencyMs);
  const bytes = read(file);
  const fault = takeFault(file);
  if (!bytes) return void response.writeHead(404).end();
  const half = bytes.subarray(0, bytes.length >> 1);
  const announce = (length: number) => response.writeHead(200, { 'content-length': length });
  switch (fault?.kind) {
    case 'silent':
      return;
    case 'status':
      return void response.writeHead(fault.status).end();
    case 'page':
      return void response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>app</title>');
    case 'break':
      announce(bytes.length).write(half, () => response.socket?.resetAndDestroy());
      return;
    case 'stall':
      return void announce(bytes.length).write(half);
    case 'cut':
      response.writeHead(200).write(half);
      return void response.end();
    case 'longer':
      response.writeHead(200).write(bytes);
      return void response.end(new Uint8Array(fault.bytes));
    case 'replace':
      return void announce(fault.bytes.length).end(fault.bytes);
    case 'flip': {
      const flipped = Uint8Array.from(bytes); // a Buffer's slice is the same bytes
      flipped[fault.offset]! ^= 1;
      return void announce(bytes.length).end(flipped);
    }
    case 'hold':
      await released.promise;
  }
  announce(bytes.length);
  if (throttle) await sendSlowly(bytes, throttle, response);
  else response.end(bytes);
}

/** When the line is free again, on the clock of `performance`. */
let lineFreeAt = 0;

/** Takes turns with other answers on a line of so many bytes a millisecond. */
async function sendSlowly(bytes: Uint8Array, { bytesPerMs }: Throttle, response: ServerResponse): Promise<void> {
  for (let offset = 0; offset < bytes.length; offset += CHUNK_BYTES) {
    const chunk = bytes.subarray(offset, offset + CHUNK_BYTES);
    lineFreeAt = Math.max(lineFreeAt, performance.now()) + chunk.length / bytesPerMs;
    const aheadMs = lineFreeAt - performance.now();
    if (aheadMs > 2) await sleep(aheadMs); // timers have whole milliseconds: shorter waits add up to one
    if (!response.write(chunk)) await drained(response);
    if (response.destroyed) return;
  }
  response.end();
}

/** Resolves when more can be written, or the other side has left. */
async function drained(response: ServerResponse): Promise<void> {
  const over = new AbortController();
  const events = ['drain', 'close'].map((event) => once(response, event, { signal: over.signal }).catch(() => {}));
  await Promise.race(events);
  over.abort();
}

const server = createServer((request, response) => {
  const file = request.url!.slice(1);
  const { range } = request.headers;
  requests.push(range ? `${file} ${range}` : file);
  response.on('error', () => {}); // the Worker may leave
  void answer(file, response);
});
server.keepAliveTimeout = 60_000;

const reply = (message: Reply) => process.send!(message);

process.on('message', (command: Command) => {
  if ('faults' in command) faults = command.faults.map((fault) => ({ ...fault, left: fault.times ?? Infinity }));
  if ('throttle' in command) throttle = command.throttle;
  if ('release' in command) {
    released.resolve();
    released = Promise.withResolvers();
  }
  if ('takeRequests' in command) {
    reply({ requests });
    requests = [];
  } else reply({ done: true });
});
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => reply({ port: (server.address() as AddressInfo).port }));
