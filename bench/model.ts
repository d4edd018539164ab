import { createHash } from 'node:crypto';
import type { Architecture, WeightType } from '../src/format/architecture.ts';
import { expectedFiles, planPositionTable, planWordTable } from '../src/format/expected-files.ts';
import {
  EMBEDDINGS_FILE,
  GROUP_BYTES,
  HEADS_FILE,
  type LinearLayout,
  PANEL_COLUMNS,
  planEmbeddingsLayout,
  planLayerLayout,
  planPageLayout,
  weightBytes,
} from '../src/format/layout.ts';
import type { Manifest } from '../src/format/manifest.ts';

/** BGE-M3's. */
export const ARCHITECTURE: Architecture = {
  vocabularySize: 250002,
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

export type Preset = Exclude<Manifest['preset'], 'auto'>;
const WEIGHTS: Readonly<Record<Preset, WeightType>> = { q8: 'u7', q4: 'u4g32' };

/** A model of BGE-M3's size with random weights: speed does not depend on them. */
export interface SyntheticModel {
  readonly manifest: Manifest;
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** Files of one kind and length are one array. The heads are zero. */
export function createSyntheticModel(preset: Preset, architecture = ARCHITECTURE): SyntheticModel {
  const type = WEIGHTS[preset];
  const types = { qkv: type, attentionOutput: type, intermediate: type, output: type };
  const shape = {
    architecture,
    wordTable: { pageRows: 64, type: 'i8' },
    positionTable: { pageRows: 64, type: 'i16' },
    layers: Array.from({ length: architecture.layerCount }, () => types),
  } as const;
  const words = planWordTable(shape);
  const positions = planPositionTable(shape);

  const distinct = new Map<string, { bytes: Uint8Array<ArrayBuffer>; sha256: string }>();
  const create = (name: string, byteLength: number): Uint8Array<ArrayBuffer> => {
    const bytes = randomBytes(byteLength);
    const layout = planLayerLayout(architecture, types);
    if (name.startsWith('layer-')) fillLayer(bytes, layout, architecture);
    else if (name.startsWith('words-')) fillScales(bytes, planPageLayout(words, 0).values);
    else if (name.startsWith('positions-')) fillScales(bytes, planPageLayout(positions, 0).values);
    else if (name === EMBEDDINGS_FILE) fillNorm(bytes, planEmbeddingsLayout(architecture), architecture);
    else if (name === HEADS_FILE) bytes.fill(0);
    return bytes;
  };
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const entries: Record<string, Manifest['files'][string]> = {};
  for (const [name, byteLength] of expectedFiles(shape)) {
    const kind = `${name.replace(/\d+/, '')}${byteLength}`;
    let file = distinct.get(kind);
    if (!file) {
      const bytes = create(name, byteLength);
      file = { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
      distinct.set(kind, file);
    }

    files.set(name, file.bytes);
    entries[name] = { bytes: byteLength, sha256: file.sha256 };
  }
  const manifest: Manifest = {
    format: 'm3edge/1',
    model: { name: 'synthetic', upstream: 'none', revision: null, licence: 'MIT' },
    preset,
    tokenizer: { bos: 0, pad: 1, eos: 2, unknown: 3 },
    ...shape,
    files: entries,
  };
  return { manifest, files };
}

/** 32-bit xorshift: a layer's 12 MB in some milliseconds. */
function randomBytes(byteLength: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(byteLength / 4));
  let state = 0x9e3779b9;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, byteLength);
}

const floatsAt = ({ buffer }: Uint8Array<ArrayBuffer>, offset: number, count: number) =>
  new Float32Array(buffer, offset, count);

function fillScales(page: Uint8Array<ArrayBuffer>, scaleBytes: number): void {
  floatsAt(page, 0, scaleBytes / 4).fill(1e-3);
}

function fillNorm(
  bytes: Uint8Array<ArrayBuffer>,
  { weight, bias }: { weight: number; bias: number },
  { hiddenSize }: Architecture,
): void {
  floatsAt(bytes, weight, hiddenSize).fill(1);
  floatsAt(bytes, bias, hiddenSize).fill(0);
}

function fillLayer(
  bytes: Uint8Array<ArrayBuffer>,
  layout: ReturnType<typeof planLayerLayout>,
  architecture: Architecture,
): void {
  const { qkv, attentionOutput, intermediate, output, attentionNorm, outputNorm } = layout;
  for (const linear of [qkv, attentionOutput, intermediate, output]) fillLinear(bytes, linear);
  fillNorm(bytes, attentionNorm, architecture);
  fillNorm(bytes, outputNorm, architecture);
}

/** Weights of variance 1 / k: a uniform 0..127 has a standard deviation of 37. */
function fillLinear(
  bytes: Uint8Array<ArrayBuffer>,
  { n, k, type, weights, scale, columnSum, bias }: LinearLayout,
): void {
  const packed = bytes.subarray(weights, weights + weightBytes(type, n, k));
  if (type === 'u7') for (let i = 0; i < packed.length; i++) packed[i]! &= 127;
  else {
    for (let group = 0; group < packed.length; group += GROUP_BYTES) {
      packed.fill(128, group, group + PANEL_COLUMNS); // codes 0..15 stand for 4..124
      packed.fill(4, group + PANEL_COLUMNS, group + 2 * PANEL_COLUMNS);
    }
  }
  floatsAt(bytes, scale, n).fill(1 / (37 * Math.sqrt(k)));
  floatsAt(bytes, columnSum, n).fill(0);
  floatsAt(bytes, bias, n).fill(0);
}
