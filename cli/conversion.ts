import type { ArgsDef } from 'citty';
import { fingerprintOf } from '../src/format/fingerprint.ts';
import type { Manifest } from '../src/format/manifest.ts';
import { CALIBRATION_TEXTS } from './calibrate/texts.ts';
import { type ConvertOptions, convertCheckpoint } from './convert/convert.ts';
import { parseBytes } from './parse-bytes.ts';
import { createProgress } from './progress.ts';
import { createCounter } from './progress-counter.ts';
import { readTextLines } from './text-lines.ts';
import { UserError } from './user-error.ts';

/** Options of every command that quantises a checkpoint. */
export const CONVERSION_OPTIONS = {
  quant: {
    type: 'enum',
    options: ['q8', 'q4', 'auto'] as ('q8' | 'q4' | 'auto')[], // citty wants a list that could change
    default: 'q8',
    description: '8 or 4.5 stored bits a weight; auto: 8 where 4.5 harm most, within --budget',
  },
  budget: {
    type: 'string',
    valueHint: 'SIZE',
    description: 'With --quant auto: what encoder layers may take, as 200MB',
  },
  rounding: {
    type: 'enum',
    options: ['calibrated', 'nearest'] as ('calibrated' | 'nearest')[],
    default: 'calibrated',
    description: 'calibrated: weights rounded by what they do to texts; nearest: faster, about half as faithful',
  },
  calibration: {
    type: 'string',
    valueHint: 'FILE',
    description: 'Texts to calibrate with, one a line, in place of those that come with m3edge',
  },
} satisfies ArgsDef;

interface ConversionArgs {
  readonly quant?: ConvertOptions['preset'] | undefined;
  readonly budget?: string | undefined;
  readonly rounding?: 'calibrated' | 'nearest' | undefined;
  readonly calibration?: string | undefined;
}

/** What these options say. @throws UserError where they do not go together. */
export function parseConversion({ quant = 'q8', budget, rounding, calibration }: ConversionArgs) {
  if (rounding === 'nearest' && calibration !== undefined)
    throw new UserError('--calibration says which texts to calibrate with: leave out --rounding nearest');
  const texts = calibration === undefined ? CALIBRATION_TEXTS : readTextLines(calibration);
  const parsed = {
    preset: quant,
    budgetBytes: budget === undefined ? undefined : parseBytes(budget, '--budget'),
    calibrationTexts: rounding === 'nearest' ? undefined : texts,
  } satisfies Partial<ConvertOptions>;
  if (quant === 'auto' && (budget === undefined || rounding === 'nearest'))
    throw new UserError('--quant auto: needs --budget SIZE, and --rounding calibrated');
  return parsed;
}

/** Converts with progress on stderr, and says what has been made. */
export async function convertAloud(options: Omit<ConvertOptions, 'onMeasured' | 'onProgress'>): Promise<Manifest> {
  const measured = createCounter('layers measured');
  const progress = createProgress('convert');
  const manifest = await convertCheckpoint({ ...options, onMeasured: measured.update, onProgress: progress.update });
  progress.end();
  console.log(`${options.outDir}: ${manifest.preset}, fingerprint ${await fingerprintOf(manifest)}`);
  return manifest;
}

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Long work that a signal stops in an orderly way. @param onStop What to tell the user then. */
export async function stoppable(work: (signal: AbortSignal) => Promise<void>, onStop: () => string): Promise<void> {
  const abort = new AbortController();
  const stop = (signal: NodeJS.Signals) => abort.abort(signal);
  for (const signal of STOP_SIGNALS) process.once(signal, stop);
  try {
    await work(abort.signal);
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    process.stderr.write(`\nstopped; ${onStop()}\n`);
    process.exitCode = abort.signal.reason === 'SIGINT' ? 130 : 143; // as a shell reports the signal
  } finally {
    for (const signal of STOP_SIGNALS) process.off(signal, stop);
  }
}
