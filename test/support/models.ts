import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { directorySource } from '../../cli/shards/directory.ts';
import { createEmbedder, type Embedder, type EmbedderDeps } from '../../src/embedder.ts';
import { type Manifest, parseManifest } from '../../src/format/manifest.ts';
import { verified } from '../../src/shards/verified.ts';
import type { GoldenPair, GoldenText, PeerFigures } from './golden-types.ts';
import { KERNEL_MODULES } from './kernel-modules.ts';

export const FIXTURES = ['micro-m3', 'micro-m3-bin'] as const;
export type Fixture = (typeof FIXTURES)[number];
export const PRESETS = ['q8', 'q4'] as const;
export type Preset = (typeof PRESETS)[number];

const root = fileURLToPath(new URL('../..', import.meta.url));
export const fixtureDirectory = (fixture: Fixture) => join(root, 'test/fixtures', fixture);
/** Where `convert-models.ts` puts this run's models: runs at the same time do not share them. */
export const MODELS_VARIABLE = 'M3EDGE_TEST_MODELS';
export const modelDirectory = (fixture: Fixture, preset: Preset) =>
  join(process.env[MODELS_VARIABLE]!, `${fixture}-${preset}`);

export function readManifest(directory: string): Manifest {
  return parseManifest(readFileSync(join(directory, 'manifest.json'), 'utf8'));
}

/** The engine over a model directory, as the CLI runs it. */
export function openModel(directory: string, options: Partial<EmbedderDeps> = {}): Promise<Embedder> {
  const manifest = readManifest(directory);
  const wait = (ms: number) =>
    new Promise<void>((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms)));
  const shards = verified(directorySource(directory), {
    files: manifest.files,
    createDigest: () => createHash('sha256'),
    wait,
  });
  return createEmbedder({ manifest, shards, kernel: KERNEL_MODULES, wait, ...options });
}

/** float32 outputs by transformers and torch. */
export function readGolden(fixture: Fixture): { texts: readonly GoldenText[]; pairs: readonly GoldenPair[] } {
  return JSON.parse(readFileSync(join(fixtureDirectory(fixture), 'golden.json'), 'utf8'));
}

/** What onnxruntime's own quantisers keep of the golden outputs. */
export function readPeer(fixture: Fixture, preset: Preset): PeerFigures {
  const { results } = JSON.parse(readFileSync(join(fixtureDirectory(fixture), 'peer-onnxruntime.json'), 'utf8'));
  return results[preset === 'q8' ? 'int8' : 'nbits4 b32'];
}
