import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Command, Fault, Reply, Throttle } from './faults.ts';

/** The shard server of a model directory, from the test's side. */
export interface Storage {
  readonly url: string;
  /** Replaces all faults; the first that fits a request is met. */
  setFaults(...faults: Fault[]): Promise<void>;
  /** Lets go what is held. */
  release(): Promise<void>;
  setThrottle(throttle: Throttle | null): Promise<void>;
  /** Files asked for since the last call. */
  takeRequests(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

export async function startStorage(directory: string): Promise<Storage> {
  const child = fork(join(import.meta.dirname, 'shard-server.ts'), [directory], { serialization: 'advanced' });
  const next = async () => (await once(child, 'message'))[0] as Reply;
  const first = await next();
  if (!('port' in first)) throw new Error('the shard server did not start');
  let last: Promise<unknown> = Promise.resolve();
  const send = (command: Command): Promise<Reply> => {
    const answered = last.then(() => {
      child.send(command);
      return next();
    });
    last = answered;
    return answered;
  };
  return {
    url: `http://127.0.0.1:${first.port}/`,
    setFaults: async (...faults) => void (await send({ faults })),
    release: async () => void (await send({ release: true })),
    setThrottle: async (throttle) => void (await send({ throttle })),
    async takeRequests() {
      const reply = await send({ takeRequests: true });
      return 'requests' in reply ? reply.requests : [];
    },
    async stop() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
