import { readdirSync, readFileSync } from 'node:fs';

/**
 * CPU time of a process in milliseconds, all threads together, from Linux's scheduler: to the nanosecond, and untouched by what others run. workerd's own
 * clock stands still while it computes, so time is taken from outside in any case.
 *
 * @returns undefined where there is no such file.
 */
export function cpuMs(pid: number): number | undefined {
  let nanoseconds = 0;
  try {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    }
  } catch {
    return undefined; // another system, or a thread that has just ended
  }
  return nanoseconds / 1e6;
}
