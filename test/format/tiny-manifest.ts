import { expectedFiles, type ModelShape } from '../../src/format/expected-files.ts';
import type { Manifest } from '../../src/format/manifest.ts';

/** A valid manifest of a model with two layers of 64 features and two pages of words; its digests are made up. */
export function tinyManifest(): Manifest {
  const layer = { qkv: 'u7', attentionOutput: 'u7', intermediate: 'u7', output: 'u7' } as const;
  const shape: ModelShape = {
    architecture: {
      vocabularySize: 96,
      hiddenSize: 64,
      intermediateSize: 64,
      layerCount: 2,
      headCount: 4,
      positionCount: 10,
      positionOffset: 2,
      maxTokens: 8,
      layerNormEpsilon: 1e-5,
      colbertSize: 64,
    },
    wordTable: { pageRows: 64, type: 'i8' },
    positionTable: { pageRows: 64, type: 'i16' },
    layers: [layer, layer],
  };
  const files = [...expectedFiles(shape), ['tokenizer.bin', 640] as const].map(([name, bytes]) => [
    name,
    { bytes, sha256: 'a'.repeat(64) },
  ]);
  return {
    format: 'm3edge/1',
    model: { name: 'tiny', upstream: 'unknown', revision: null, licence: 'MIT' },
    preset: 'q8',
    tokenizer: { bos: 0, pad: 1, eos: 2, unknown: 3 },
    ...shape,
    files: Object.fromEntries(files),
  };
}
