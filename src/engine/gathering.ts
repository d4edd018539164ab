import { ServiceError } from '../errors.ts';

/** The right to use the engine. It ends by itself where it is not renewed: a cancelled request runs no `finally`. */
export interface Lease {
  /** Called between pieces of work. @throws ServiceError `overloaded` where the lease has run out or its owner has gone. */
  renew(): void;
}

/** A lease that its owner gives back. */
export interface Hold extends Lease {
  release(): void;
}

export interface GatheringOptions<Work, Result, Progress> {
  /** Callers that may wait; the next one is refused. */
  readonly maxWaiting: number;
  /** What one pass may hold, in units of `cost`; a work that costs more has a pass of its own. */
  readonly passCapacity: number;
  /** Silence after which the holder counts as gone: longer than any one kernel call, or read. */
  readonly leaseMs: number;
  /** Lets at least `ms` pass. */
  readonly wait: (ms: number) => Promise<void>;
  /** Runs one pass: a result for each work, in their order. Plain values only, as they cross from one request to another. */
  readonly run: (
    works: readonly Work[],
    lease: Lease,
    report: (progress: Progress) => void,
  ) => Promise<readonly Result[]>;
}

/** How a caller is served. */
export interface SubmitOptions<Progress> {
  readonly signal?: AbortSignal | undefined;
  /** Told how its pass goes on: every step where it leads, the latest one at each look where another does. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** One engine, many callers. */
export interface Gathering<Work, Result, Progress> {
  /**
   * @param cost The work's tokens.
   * @throws ServiceError `overloaded` at once where too many wait; what `run` throws; the signal's reason where the caller has gone.
   */
  submit(work: Work, cost: number, options?: SubmitOptions<Progress>): Promise<Result>;
  /** The engine for the caller alone, in its turn, until it gives it back or stops renewing. */
  hold(signal?: AbortSignal): Promise<Hold>;
  /** Callers that wait for their pass. */
  waitingCount(): number;
}

interface Job<Work, Result, Progress> {
  /** Absent where the caller only wants to hold the engine. */
  readonly work?: Work;
  readonly cost: number;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** When its caller last looked. */
  seenAt: number;
  /** The pass that has it, 0 while it waits. */
  pass: number;
  progress?: Progress;
  failures: number;
  outcome?: { readonly value: Result } | { readonly error: unknown };
}

/** How often a caller looks for its result, or for its turn. */
const POLL_MS = 4;
/** Callers that arrive together are to be in one pass: it begins when for so long nobody has come, */
const GATHER_MS = 2;
/** or after so many times as long. */
const GATHER_ROUNDS = 5;
/** Silence after which a waiting caller counts as gone. */
const STALE_MS = 2000;
/** A caller leads one pass itself before another's failure becomes its own. */
const MAX_FAILURES = 2;

/**
 * Runs works in passes: whoever finds the engine free leads, and takes along what waits. Callers share values, never promises: each polls
 * its own job, so that a leader that is cancelled, and runs no `finally`, leaves nobody hanging; its lease runs out (or its signal ends it at
 * once) and the next caller takes the work over.
 */
export function createGathering<Work, Result, Progress>(
  options: GatheringOptions<Work, Result, Progress>,
): Gathering<Work, Result, Progress> {
  type AnyJob = Job<Work, Result, Progress>;
  const { maxWaiting, passCapacity, leaseMs, wait, run } = options;
  const jobs = new Set<AnyJob>();
  let passes = 0;
  /** Callers that have ever been let in. */
  let arrivals = 0;
  /** The pass that holds the engine, 0 for none. */
  let current = 0;
  let leader: AnyJob | undefined;
  let renewedAt = 0;

  const endPass = (pass: number): void => {
    if (current !== pass) return;
    current = 0;
    for (const job of jobs) if (job.pass === pass) job.pass = 0;
  };
  const endIfSilent = (): void => {
    if (!current || Date.now() - renewedAt <= leaseMs) return;
    endPass(current);
    if (leader) jobs.delete(leader); // it comes back by itself if its caller still looks
  };
  /** Waiting jobs whose callers still look, oldest first. */
  const waiting = (): AnyJob[] => {
    const now = Date.now();
    for (const job of jobs) if (!job.pass && !job.outcome && now - job.seenAt > STALE_MS) jobs.delete(job);
    return [...jobs].filter((job) => !job.pass && !job.outcome);
  };

  const enqueue = (job: Pick<AnyJob, 'work' | 'cost' | 'onProgress'>, signal?: AbortSignal): AnyJob => {
    signal?.throwIfAborted();
    endIfSilent();
    const ahead = waiting().length;
    if (ahead >= maxWaiting) {
      throw new ServiceError('overloaded', `${ahead} requests are waiting; try again later`, { retryAfterSeconds: 1 });
    }
    const queued = { ...job, seenAt: Date.now(), pass: 0, failures: 0 };
    jobs.add(queued);
    arrivals++;
    signal?.addEventListener('abort', () => jobs.delete(queued), { once: true });
    return queued;
  };
  /** Resolves when it is the job's turn to lead, or another has finished it. */
  const untilTurnOrOutcome = async (job: AnyJob, signal?: AbortSignal): Promise<void> => {
    while (true) {
      signal?.throwIfAborted();
      endIfSilent();
      jobs.add(job); // it may have counted as gone while the isolate was busy
      job.seenAt = Date.now();
      if (job.outcome || (!current && waiting()[0] === job)) return;
      await wait(POLL_MS);
      if (job.progress !== undefined) job.onProgress?.(job.progress);
    }
  };
  const takeEngine = (own: AnyJob, signal?: AbortSignal): Hold & { readonly pass: number } => {
    const pass = ++passes;
    const release = (): void => {
      signal?.removeEventListener('abort', release);
      endPass(pass);
    };
    current = pass;
    leader = own;
    own.pass = pass;
    renewedAt = Date.now();
    signal?.addEventListener('abort', release, { once: true });
    const renew = (): void => {
      signal?.throwIfAborted();
      if (current !== pass) {
        throw new ServiceError('overloaded', 'the pass took too long and gave way to another; try again', {
          retryAfterSeconds: 1,
        });
      }
      renewedAt = Date.now();
    };
    return { pass, renew, release };
  };

  /** Leads one pass with `own` in it, and leaves an outcome with every job it took. */
  const lead = async (own: AnyJob, signal?: AbortSignal): Promise<void> => {
    const { pass, renew, release } = takeEngine(own, signal);
    try {
      for (let round = 0, seen = 0; round < GATHER_ROUNDS && seen !== arrivals; round++) {
        seen = arrivals;
        await wait(GATHER_MS);
        renew();
      }
      const taken = fitting([own, ...waiting()], passCapacity);
      for (const job of taken) job.pass = pass;
      const report = (progress: Progress): void => {
        for (const job of taken) job.progress = progress;
        own.onProgress?.(progress);
      };
      try {
        const results = await run(
          taken.map(({ work }) => work!),
          { renew },
          report,
        );
        renew();
        for (const [index, job] of taken.entries()) job.outcome = { value: results[index]! };
      } catch (error) {
        if (current !== pass) return; // the jobs wait again
        for (const job of taken) if (job === own || ++job.failures === MAX_FAILURES) job.outcome = { error };
      }
    } finally {
      release();
    }
  };

  return {
    async submit(work, cost, { signal, onProgress } = {}) {
      const job = enqueue({ work, cost, onProgress }, signal);
      while (!job.outcome) {
        await untilTurnOrOutcome(job, signal);
        if (!job.outcome) await lead(job, signal);
        signal?.throwIfAborted();
      }
      jobs.delete(job);
      if ('error' in job.outcome) throw job.outcome.error;
      return job.outcome.value;
    },
    waitingCount: () => waiting().length,
    async hold(signal) {
      const job = enqueue({ cost: Number.POSITIVE_INFINITY }, signal);
      await untilTurnOrOutcome(job, signal);
      const { renew, release } = takeEngine(job, signal);
      jobs.delete(job);
      return { renew, release };
    },
  };
}

/** The first job, and of the others as many as fit, in order. */
function fitting<J extends { readonly cost: number }>(jobs: readonly J[], capacity: number): J[] {
  let cost = 0;
  return jobs.filter((job, index) => {
    if (index > 0 && cost + job.cost > capacity) return false;
    cost += job.cost;
    return true;
  });
}
