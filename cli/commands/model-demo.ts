import { join } from 'node:path';
import { defineCommand } from 'citty';
import { fingerprintOf } from '../../src/format/fingerprint.ts';
import { writeDemo } from '../demo/demo.ts';
import { projectRoot } from '../installation.ts';

export const demoCommand = defineCommand({
  meta: { name: 'demo', description: 'Construct the demo model: it knows words, not meaning' },
  args: {
    out: { type: 'string', valueHint: 'DIR', description: 'Model directory to make; by default model-shards/demo' },
  },
  async run({ args }) {
    const out = args.out ?? join(projectRoot, 'model-shards/demo');
    const manifest = await writeDemo(out);
    console.log(`${out}: fingerprint ${await fingerprintOf(manifest)}`);
  },
});
