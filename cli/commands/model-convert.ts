import { basename, resolve } from 'node:path';
import { defineCommand } from 'citty';
import { fingerprintOf } from '../../src/format/fingerprint.ts';
import { convertCheckpoint } from '../convert/convert.ts';
import { createProgress } from '../progress.ts';

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
    quant: { type: 'enum', options: ['q8', 'q4'], default: 'q8', description: '8 or 4.5 stored bits a weight' },
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

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;
