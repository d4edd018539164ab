import { cpuMs } from './cpu-clock.ts';

/** Median and quartiles of some runs, in milliseconds. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly runs: number;
}

/** `cpu` is what the process that works used, all its threads together; absent where the system does not say. */
export interface Timing {
  readonly wall: Spread;
  readonly cpu?: Spread;
}

/** Something that does a piece of work in a process of its own. */
export interface Runner {
  readonly name: string;
  readonly pid: number;
  run(): Promise<unknown>;
}

/**
 * One run of each after the other, `rounds` times, so that what disturbs the machine disturbs all of them. A first round is not
 * counted, unless there is to be only one.
 */
export async function interleave(runners: readonly Runner[], rounds: number): Promise<Record<string, Timing>> {
  const runs = runners.map(() => [] as { wall: number; cpu: number | undefined }[]);
  for (let round = rounds > 1 ? 0 : 1; round <= rounds; round++) {
    for (const [index, runner] of runners.entries()) {
      const run = await timeOnce(runner);
      if (round > 0) runs[index]!.push(run);
    }
  }
  return Object.fromEntries(runners.map(({ name }, index) => [name, summarise(runs[index]!)]));
}

export async function timeOnce({ pid, run }: Runner): Promise<{ wall: number; cpu: number | undefined }> {
  const cpu = cpuMs(pid);
  const start = performance.now();
  await run();
  const wall = performance.now() - start;
  const used = cpuMs(pid);
  return { wall, cpu: cpu === undefined || used === undefined ? undefined : used - cpu };
}

export function summarise(runs: readonly { wall: number; cpu: number | undefined }[]): Timing {
  const cpu = runs.map((run) => run.cpu).filter((value) => value !== undefined);
  return {
    wall: spreadOf(runs.map((run) => run.wall)),
    ...(cpu.length === runs.length && { cpu: spreadOf(cpu) }),
  };
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  return { median: at(0.5), low: at(0.25), high: at(0.75), runs: sorted.length };
}

/** What comparisons are made of: CPU time, which a busy machine changes least, else time on the wall. */
export const best = ({ wall, cpu }: Timing): Spread => cpu ?? wall;

export const scaled = (timing: Timing, factor: number): Timing => {
  const scale = ({ median, low, high, runs }: Spread): Spread => ({
    median: median * factor,
    low: low * factor,
    high: high * factor,
    runs,
  });
  return { wall: scale(timing.wall), ...(timing.cpu && { cpu: scale(timing.cpu) }) };
};
