import { basename, resolve } from 'node:path';
import { defineCommand } from 'citty';
import { CONVERSION_OPTIONS, convertAloud, parseConversion, stoppable } from '../conversion.ts';

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
    ...CONVERSION_OPTIONS,
    name: { type: 'string', description: "The model's name; by default the last part of --out" },
    upstream: {
      type: 'string',
      valueHint: 'ORG/NAME',
      description: 'Where the checkpoint is from; by default what config.json remembers',
    },
    revision: { type: 'string', description: "The upstream repository's commit" },
    licence: { type: 'string', description: "The model's licence; by default MIT for BAAI/bge-m3, else unknown" },
  },
  async run({ args: { checkpoint, out, name = basename(resolve(out)), upstream, revision, licence, ...args } }) {
    const conversion = parseConversion(args);
    await stoppable(
      async (signal) => {
        await convertAloud({ checkpoint, outDir: out, name, upstream, revision, licence, ...conversion, signal });
      },
      () => `${out} is as it was`,
    );
  },
});
