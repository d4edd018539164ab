import { convertCheckpoint } from '../../../cli/convert/convert.ts';
import { stubTokenizer } from './stub-tokenizer.ts';

/** A conversion that stands still after its third file, for a test that kills it: node stalled-convert.ts CHECKPOINT OUT. */
const [checkpoint, outDir] = process.argv.slice(2);
let files = 0;
await convertCheckpoint({
  checkpoint: checkpoint!,
  outDir: outDir!,
  preset: 'q8',
  name: 'model',
  buildTokenizer: stubTokenizer,
  onProgress() {
    if (++files < 3) return;
    process.stdout.write('stalled\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
});
