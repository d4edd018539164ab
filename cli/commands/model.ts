import { defineCommand } from 'citty';
import { convertCommand } from './model-convert.ts';
import { demoCommand } from './model-demo.ts';
import { fidelityCommand } from './model-fidelity.ts';
import { infoCommand } from './model-info.ts';
import { pullCommand } from './model-pull.ts';
import { synthCommand } from './model-synth.ts';
import { uploadCommand } from './model-upload.ts';
import { verifyCommand } from './model-verify.ts';

export const modelCommand = defineCommand({
  meta: { name: 'model', description: 'Make, describe and check model directories' },
  subCommands: {
    pull: pullCommand,
    convert: convertCommand,
    info: infoCommand,
    verify: verifyCommand,
    fidelity: fidelityCommand,
    demo: demoCommand,
    synth: synthCommand,
    upload: uploadCommand,
  },
});
