import { defineCommand } from 'citty';
import { fingerprintOf } from '../../src/format/fingerprint.ts';
import { buildTokenizer, readTokenizerFile } from '../convert/tokenizer.ts';
import { createProgress } from '../progress.ts';
import { writeSynth } from '../synth/synth.ts';
import { UserError } from '../user-error.ts';

export const synthCommand = defineCommand({
  meta: { name: 'synth', description: 'Write a full-size model of random weights, for benchmarks and memory tests' },
  args: {
    out: {
      type: 'string',
      required: true,
      valueHint: 'DIR',
      description: 'Model directory to make; a model that is there is replaced',
    },
    quant: { type: 'enum', options: ['q8', 'q4'], default: 'q8', description: '8 or 4.5 stored bits a weight' },
    layers: { type: 'string', valueHint: 'N', default: '24', description: 'Encoder layers' },
    seed: { type: 'string', valueHint: 'N', default: '1', description: 'The same seed gives the same bytes' },
    tokenizer: {
      type: 'string',
      valueHint: 'FILE',
      description: "XLM-R's tokenizer.json, in place of a made-up vocabulary",
    },
  },
  async run({ args }) {
    const progress = createProgress('synth');
    const tokenizer = args.tokenizer === undefined ? undefined : buildTokenizer(readTokenizerFile(args.tokenizer));
    const manifest = await writeSynth({
      outDir: args.out,
      preset: args.quant,
      layerCount: wholeNumber('layers', args.layers, 1, 99),
      seed: wholeNumber('seed', args.seed, 0, 2 ** 31 - 1),
      tokenizer,
      onProgress: progress.update,
    });
    progress.end();
    console.log(`${args.out}: ${manifest.preset}, random weights, fingerprint ${await fingerprintOf(manifest)}`);
  },
});

function wholeNumber(name: string, given: string, lowest: number, highest: number): number {
  const value = Number(given);
  if (given.trim() !== '' && Number.isInteger(value) && value >= lowest && value <= highest) return value;
  throw new UserError(`--${name} is ${given}: give a whole number from ${lowest} to ${highest}`);
}
