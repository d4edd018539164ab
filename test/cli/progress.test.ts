import { describe, expect, it } from 'vitest';
import { createProgress } from '../../cli/progress.ts';

/** A clock to turn by hand and a stream that remembers. */
function fake(isTTY: boolean) {
  const clock = { ms: 0 };
  const written: string[] = [];
  const output = { isTTY, write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WriteStream;
  return { clock, written, progress: createProgress('convert', output, () => clock.ms) };
}

describe('createProgress', () => {
  it('redraws one line on a terminal: bytes, rate and time left', () => {
    const { clock, written, progress } = fake(true);
    clock.ms = 50;
    progress.update(1e6, 100e6); // too soon to draw again
    clock.ms = 10_000;
    progress.update(50e6, 100e6);
    expect(written).toEqual(['\r\u001b[Kconvert ████████████░░░░░░░░░░░░ 50 % of 100 MB, 5.00 MB/s, 10 s left']);
    clock.ms = 20_000;
    progress.update(100e6, 100e6);
    progress.end();
    expect(written.at(-1)).toBe('\r\u001b[Kconvert ████████████████████████ 100 % of 100 MB, 5.00 MB/s, in 20 s\n');
  });

  it('takes no credit for bytes that were there before', () => {
    const { clock, written, progress } = fake(true);
    progress.skip(40e6);
    clock.ms = 10_000;
    progress.update(60e6, 100e6);
    expect(written.at(-1)).toContain('60 % of 100 MB, 2.00 MB/s, 20 s left');
  });

  it('writes plain lines elsewhere, one in ten seconds and the last', () => {
    const { clock, written, progress } = fake(false);
    for (clock.ms = 1000; clock.ms <= 25_000; clock.ms += 1000) progress.update(clock.ms * 1000, 25e6);
    progress.end();
    expect(written).toEqual([
      'convert 40 % of 25.0 MB, 1.00 MB/s, 15 s left\n',
      'convert 80 % of 25.0 MB, 1.00 MB/s, 5.0 s left\n',
      'convert 100 % of 25.0 MB, 1.00 MB/s, in 25 s\n',
    ]);
  });
});
