import { basename, resolve } from 'node:path';
import { defineCommand } from 'citty';
import { fingerprintOf } from '../../src/format/fingerprint.ts';
import { CALIBRATION_TEXTS } from '../calibrate/texts.ts';
import { convertCheckpoint } from '../convert/convert.ts';
import { parseBytes } from '../parse-bytes.ts';
import { createProgress } from '../progress.ts';
import { createCounter } from '../progress-counter.ts';
import { readTextLines } from '../text-lines.ts';
import { UserError } from '../user-error.ts';

export const convertCommand = defineCommand({
  meta: { name: 'convert', description: 'Convert a local Hugging Face directory into a model directory' },
  args: {
    checkpoint: {
      type: 'positional',
      required: true,
      description: 'Directory with config.json, the weights, the two heads and the tokenizer',
    },
    out: {
      type: 'string',
      required: true,
      valueHint: 'DIR',
      description: 'Model directory to make; a model that is there is replaced',
    },
    quant: {
      type: 'enum',
      options: ['q8', 'q4', 'auto'],
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
      options: ['calibrated', 'nearest'],
      default: 'calibrated',
      description: 'calibrated: weights rounded by what they do to texts; nearest: faster, about half as faithful',
    },
    calibration: {
      type: 'string',
      valueHint: 'FILE',
      description: 'Texts to calibrate with, one a line, in place of those that come with m3edge',
    },
    name: { type: 'string', description: "The model's name; by default the last part of --out" },
    upstream: {
      type: 'string',
      valueHint: 'ORG/NAME',
      description: 'Where the checkpoint is from; by default what config.json remembers',
    },
    revision: { type: 'string', description: "The upstream repository's commit" },
    licence: { type: 'string', description: "The model's licence; by default MIT for BAAI/bge-m3, else unknown" },
  },
  async run({ args }) {
    const measured = createCounter('layers measured');
    const progress = createProgress('convert');
    const abort = new AbortController();
    const stop = (signal: NodeJS.Signals) => abort.abort(signal);
    for (const signal of STOP_SIGNALS) process.once(signal, stop);
    try {
      const manifest = await convertCheckpoint({
        checkpoint: args.checkpoint,
        outDir: args.out,
        preset: args.quant,
        name: args.name ?? basename(resolve(args.out)),
        upstream: args.upstream,
        revision: args.revision,
        licence: args.licence,
        calibrationTexts: calibrationTexts(args.rounding, args.calibration),
        budgetBytes: args.budget === undefined ? undefined : parseBytes(args.budget, '--budget'),
        onMeasured: measured.update,
        onProgress: progress.update,
        signal: abort.signal,
      });
      progress.end();
      console.log(`${args.out}: ${manifest.preset}, fingerprint ${await fingerprintOf(manifest)}`);
    } catch (error) {
      if (!abort.signal.aborted) throw error;
      process.stderr.write(`\nstopped; ${args.out} is as it was\n`);
      process.exitCode = abort.signal.reason === 'SIGINT' ? 130 : 143; // as a shell reports the signal
    } finally {
      for (const signal of STOP_SIGNALS) process.off(signal, stop);
    }
  },
});

function calibrationTexts(rounding: string, file?: string): readonly string[] | undefined {
  if (rounding === 'nearest') {
    if (file !== undefined)
      throw new UserError('--calibration says which texts to calibrate with: leave out --rounding nearest');
    return undefined;
  }
  return file === undefined ? CALIBRATION_TEXTS : readTextLines(file);
}

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;
