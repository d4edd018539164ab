import { Worker } from 'node:worker_threads';
import { type ErrorCode, ServiceError } from '../../src/errors.ts';
import { UserError } from '../user-error.ts';
import type { Document } from './document.ts';

/** What every worker is started with. */
export interface WorkerInput {
  readonly model: string;
  readonly colbert: boolean;
  readonly truncate: boolean;
  readonly maxTokens: number;
}

/** Documents of about one pass. */
export type Task = readonly Pick<Document, 'line' | 'text' | 'head'>[];

/** A worker's answer to a task: its lines of output, in the task's order. */
export type Answer = { readonly lines: readonly string[] } | { readonly failure: Failure };

/** What is left of an error on its way between threads. */
interface Failure {
  readonly kind: 'service' | 'user' | 'fault';
  readonly message: string;
  readonly code?: ErrorCode;
}

/** Engines of their own on threads of their own. */
export interface Pool {
  /** Tasks are begun in the order of the calls. */
  run(task: Task): Promise<readonly string[]>;
  close(): Promise<void>;
}

interface Job {
  readonly task: Task;
  resolve(lines: readonly string[]): void;
  reject(error: unknown): void;
}

/** Threads start with the first task. */
export function createPool(threads: number, input: WorkerInput): Pool {
  const waiting: Job[] = [];
  const workers = new Map<Worker, Job | undefined>();
  let fault: unknown;

  const failAll = (error: unknown) => {
    fault = error;
    for (const job of [...workers.values(), ...waiting.splice(0)]) job?.reject(error);
  };
  const giveWork = (worker: Worker) => {
    const job = waiting.shift();
    workers.set(worker, job);
    if (job) worker.postMessage(job.task);
  };
  const start = () => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: input });
    worker.on('message', (answer: Answer) => {
      const job = workers.get(worker)!;
      if ('lines' in answer) job.resolve(answer.lines);
      else job.reject(revive(answer.failure));
      giveWork(worker);
    });
    worker.on('error', failAll); // as when it runs out of memory
    giveWork(worker);
  };

  return {
    run(task) {
      return new Promise((resolve, reject) => {
        if (fault) return reject(fault);
        waiting.push({ task, resolve, reject });
        const idle = [...workers].find(([, job]) => job === undefined);
        if (idle) giveWork(idle[0]);
        else if (workers.size < threads) start();
      });
    },
    async close() {
      failAll(new Error('the pool is closed'));
      await Promise.all([...workers.keys()].map((worker) => worker.terminate()));
    },
  };
}

export function describeFailure(error: unknown): Failure {
  const { message, stack } = error as Error;
  if (error instanceof ServiceError) return { kind: 'service', message, code: error.code };
  return error instanceof UserError ? { kind: 'user', message } : { kind: 'fault', message: stack ?? message };
}

function revive({ kind, message, code }: Failure): Error {
  if (kind === 'service') return new ServiceError(code!, message);
  return kind === 'user' ? new UserError(message) : new Error(message);
}
