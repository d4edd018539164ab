import type { Architecture } from '../../src/format/architecture.ts';
import { expectedFiles, planPositionTable, planWordTable } from '../../src/format/expected-files.ts';
import {
  EMBEDDINGS_FILE,
  HEADS_FILE,
  layerFile,
  positionPageFile,
  TOKENIZER_FILE,
  wordPageFile,
} from '../../src/format/layout.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import { type OnProgress, type Preset, planModel } from '../convert/convert.ts';
import { createModelWriter } from '../convert/model-writer.ts';
import { type BuiltTokenizer, describeVocabulary } from '../convert/tokenizer.ts';
import { buildVocabularyOf } from '../tokenizer/build.ts';
import { fillerPipeline } from './filler-vocabulary.ts';
import { createRandomShards } from './random-shards.ts';

/** BGE-M3's. */
export const FULL_SIZE: Architecture = {
  vocabularySize: 250_002,
  hiddenSize: 1024,
  intermediateSize: 4096,
  layerCount: 24,
  headCount: 16,
  positionCount: 8194,
  positionOffset: 2,
  maxTokens: 8192,
  layerNormEpsilon: 1e-5,
  colbertSize: 1024,
};

export interface SynthOptions {
  readonly outDir: string;
  readonly preset: Preset;
  readonly layerCount?: number;
  readonly seed: number;
  /** In place of the filler vocabulary; of 250,002 pieces. */
  readonly tokenizer?: BuiltTokenizer | undefined;
  readonly onProgress?: OnProgress;
}

/**
 * Writes a model of BGE-M3's shape and size with random weights, for benchmarks and memory tests. The same options give the same bytes.
 *
 * @throws UserError if the target holds anything but a model.
 */
export async function writeSynth(options: SynthOptions): Promise<Manifest> {
  const { preset, seed, onProgress = () => {} } = options;
  const architecture = { ...FULL_SIZE, layerCount: options.layerCount ?? FULL_SIZE.layerCount };
  const tokenizer =
    options.tokenizer ?? describeVocabulary(buildVocabularyOf(fillerPipeline(architecture.vocabularySize)));
  const shape = planModel(architecture, preset);
  const shards = createRandomShards(architecture, seed);
  const writer = createModelWriter(options.outDir);
  try {
    let totalBytes = tokenizer.bytes.length;
    for (const [, bytes] of expectedFiles(shape)) totalBytes += bytes;
    let writtenBytes = 0;
    const add = async (name: string, bytes: Uint8Array): Promise<void> => {
      writer.addFile(name, bytes);
      writtenBytes += bytes.length;
      onProgress(writtenBytes, totalBytes);
      await new Promise((resolve) => setImmediate(resolve)); // a signal to stop is only heard between turns
    };
    await add(TOKENIZER_FILE, tokenizer.bytes);
    await add(EMBEDDINGS_FILE, shards.embeddings());
    await add(HEADS_FILE, shards.heads());
    for (const [layer, types] of shape.layers.entries()) await add(layerFile(layer), shards.layer(types));
    const [words, positions] = [planWordTable(shape), planPositionTable(shape)];
    for (let page = 0; page < positions.pageCount; page++)
      await add(positionPageFile(page), shards.page(positions, page));
    for (let page = 0; page < words.pageCount; page++) await add(wordPageFile(page), shards.page(words, page));
    const model = { name: `synth-${preset}`, upstream: 'random weights', revision: `seed-${seed}`, licence: 'MIT' };
    return writer.finish({ format: 'm3edge/1', model, preset, tokenizer: tokenizer.ids, ...shape });
  } catch (error) {
    writer.abort();
    throw error;
  }
}
