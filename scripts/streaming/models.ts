import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildTokenizer, readTokenizerFile } from '../../cli/convert/tokenizer.ts';
import { readManifest } from '../../cli/model-directory.ts';
import { writeSynth } from '../../cli/synth/synth.ts';
import { createEncoder } from '../../src/engine/encoder.ts';
import type { MemoryPlan } from '../../src/engine/memory-plan.ts';
import { MANIFEST_FILE } from '../../src/format/layout.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import { createKernel } from '../../src/kernel/kernel.ts';
import { KERNEL_MODULES } from '../../test/support/kernel-modules.ts';

export type Preset = 'q8' | 'q4';

const root = fileURLToPath(new URL('../..', import.meta.url));
const data = join(root, '../shared/data');
const tokenizerFile = join(data, 'xlmr/tokenizer.json');
const isReal = existsSync(tokenizerFile);

/** A model of BGE-M3's size with random weights, written once into .m3edge; with XLM-R's own tokenizer where that is at hand. */
export async function synthModel(preset: Preset): Promise<string> {
  const directory = join(root, '.m3edge/synth', isReal ? `${preset}-xlmr` : preset);
  if (!existsSync(join(directory, MANIFEST_FILE))) {
    const tokenizer = isReal ? buildTokenizer(readTokenizerFile(tokenizerFile)) : undefined;
    await writeSynth({ outDir: directory, preset, seed: 1, tokenizer });
  }
  return directory;
}

/** All its pieces are among the first 4,096: its pages stay in memory, and a pass reads nothing but layers. */
export const FREQUENT_TEXT = 'a b c d e f g h i j k l m n o p q r s t u v w x y z '.repeat(1000);

/** Real words where they are at hand: their pages are read as in life. */
const WORDS = (
  isReal ? readFileSync(join(data, 'corpora/xquad/en.txt'), 'utf8').replaceAll('\n', ' ') : FREQUENT_TEXT
).split(' ');

/** A text of a few more tokens than are wanted, to be cut by `max_length`. @param index Texts of different indices are different texts. */
export function realText(tokens: number, index = 0): string {
  const start = index * tokens;
  return WORDS.slice(start, start + tokens).join(' ');
}

/** What the engine lays out for a pass of one text, without reading anything. */
export function planOf(directory: string, tokens: number, budgetBytes: number): MemoryPlan {
  const never = async () => {
    throw new Error('only planning');
  };
  const manifest: Manifest = readManifest(directory);
  const kernel = createKernel(KERNEL_MODULES, budgetBytes);
  const encoder = createEncoder({ manifest, shards: { readInto: never }, kernel, planBytes: budgetBytes, wait: never });
  return encoder.plan([tokens]);
}
