import { formatSeconds } from './format.ts';

const FIRST_MS = 2000;
const REDRAW_MS = 200;

/**
 * Says on stderr how many are done, where the work takes long, stderr is a terminal and stdout is not: how many there will be is not known
 * while lines still arrive.
 */
export function createCounter(noun: string, now: () => number = Date.now) {
  const startedMs = now();
  const isShown = process.stderr.isTTY === true && process.stdout.isTTY !== true;
  let shownMs = startedMs + FIRST_MS - REDRAW_MS;
  let isDrawn = false;
  return {
    update(done: number): void {
      const nowMs = now();
      if (!isShown || nowMs - shownMs < REDRAW_MS) return;
      shownMs = nowMs;
      isDrawn = true;
      const seconds = (nowMs - startedMs) / 1000;
      process.stderr.write(`\r\x1b[K${done} ${noun}, ${(done / seconds).toFixed(1)}/s, ${formatSeconds(seconds)}`);
    },
    end(): void {
      if (isDrawn) process.stderr.write('\n');
    },
  };
}
