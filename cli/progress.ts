import { formatBytes, formatSeconds } from './format.ts';

/** Progress of long work on stderr: a bar that redraws itself on a terminal, a line now and then elsewhere. */
export interface Progress {
  /**
   * @param doneBytes Of `totalBytes`; neither may go down.
   * @param count What else is counted, as `{ documents: 12 }`: shown with its own rate.
   */
  update(doneBytes: number, totalBytes: number, count?: Readonly<Record<string, number>>): void;
  /** So many of the bytes that are done were there before: they do not count for the rate. */
  skip(bytes: number): void;
  /** Leaves the last state standing on a line of its own. */
  end(): void;
}

const BAR_CELLS = 24;
const REDRAW_MS = 100;
const LINE_MS = 10_000;

/**
 * @param label What is being done, such as `convert`.
 * @param output Asked once whether it is a terminal.
 */
export function createProgress(
  label: string,
  output: NodeJS.WriteStream = process.stderr,
  now: () => number = Date.now,
): Progress {
  const startedMs = now();
  const isTerminal = output.isTTY === true;
  let shownMs = startedMs;
  let state = '';
  let skippedBytes = 0;
  return {
    skip(bytes) {
      skippedBytes += bytes;
    },
    update(doneBytes, totalBytes, count = {}) {
      const nowMs = now();
      state = describe(label, doneBytes, totalBytes, skippedBytes, count, (nowMs - startedMs) / 1000, isTerminal);
      if (nowMs - shownMs < (isTerminal ? REDRAW_MS : LINE_MS)) return;
      shownMs = nowMs;
      output.write(isTerminal ? `\r\x1b[K${state}` : `${state}\n`);
    },
    end() {
      if (state !== '') output.write(isTerminal ? `\r\x1b[K${state}\n` : `${state}\n`);
    },
  };
}

function describe(
  label: string,
  doneBytes: number,
  totalBytes: number,
  skippedBytes: number,
  count: Readonly<Record<string, number>>,
  elapsedSeconds: number,
  withBar: boolean,
): string {
  const share = totalBytes > 0 ? doneBytes / totalBytes : 1;
  const rate = elapsedSeconds > 0 ? (doneBytes - skippedBytes) / elapsedSeconds : 0;
  const filled = Math.round(share * BAR_CELLS);
  const bar = withBar ? ` ${'█'.repeat(filled)}${'░'.repeat(BAR_CELLS - filled)}` : '';
  const time =
    doneBytes >= totalBytes
      ? `in ${formatSeconds(elapsedSeconds)}`
      : rate > 0
        ? `${formatSeconds((totalBytes - doneBytes) / rate)} left`
        : '';
  const counts = Object.entries(count).map(
    ([noun, done]) => `${done} ${noun}, ${(elapsedSeconds > 0 ? done / elapsedSeconds : 0).toFixed(1)}/s, `,
  );
  return `${label}${bar} ${Math.floor(share * 100)} % of ${formatBytes(totalBytes)}, ${formatBytes(rate)}/s, ${counts.join('')}${time}`;
}
