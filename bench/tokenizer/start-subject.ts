import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Files, Library } from './libraries.ts';
import type { Loaded, Order } from './subject.ts';

/** A library in a process of its own. */
export interface Subject {
  readonly pid: number;
  readonly loaded: Loaded;
  follow(order: Order): Promise<unknown>;
  stop(): void;
}

export async function startSubject(library: Library, files: Files): Promise<Subject> {
  const child = fork(fileURLToPath(new URL('subject.ts', import.meta.url)), {
    execArgv: ['--expose-gc'],
    // One thread, as all others have.
    env: { ...process.env, TOKENIZERS_PARALLELISM: 'false', RAYON_NUM_THREADS: '1' },
  });
  const follow = (order: Order) =>
    new Promise<unknown>((resolve, reject) => {
      const onExit = (code: number | null) => reject(new Error(`${library}: its process ended with ${code}`));
      child.once('exit', onExit);
      child.once('message', (message: { answer?: unknown; error?: string }) => {
        child.off('exit', onExit);
        if (message.error !== undefined) reject(new Error(`${library}: ${message.error}`));
        else resolve(message.answer);
      });
      child.send(order);
    });
  const loaded = (await follow({ do: 'load', library, files })) as Loaded;
  return { pid: child.pid ?? 0, loaded, follow, stop: () => child.kill() };
}
