import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createEmbedder, type Embedder } from '../src/embedder.ts';
import type { KernelModules } from '../src/kernel/kernel.ts';
import type { ShardSource } from '../src/shards/source.ts';
import { verified } from '../src/shards/verified.ts';
import { readManifest } from './model-directory.ts';
import { loadOnnxLayers } from './onnx-engine.ts';
import { directorySource } from './shards/directory.ts';
import { UserError } from './user-error.ts';

/** The Worker's engine in Node, on a model directory's shards. */
export async function createNodeEmbedder(directory: string, engine: Embedder['engine'] = 'wasm'): Promise<Embedder> {
  const { manifest, shards } = openModel(directory);
  const layers = engine === 'onnx' ? await loadOnnxLayers(manifest.architecture) : undefined;
  return createEmbedder({ manifest, shards, kernel: loadKernel(), layers, wait });
}

/** A model directory's manifest and its shards, verified as they are read. */
export function openModel(directory: string) {
  const manifest = readManifest(directory);
  const shards: ShardSource = verified(directorySource(directory), {
    files: manifest.files,
    createDigest: () => createHash('sha256'),
    wait,
  });
  return { manifest, shards };
}

const wait = (ms: number) =>
  new Promise<void>((resolve) => {
    if (ms > 0) setTimeout(resolve, ms);
    else setImmediate(resolve); // a timer would cost a millisecond
  });

function loadKernel(): KernelModules {
  const relaxed = readKernel('kernel-relaxed');
  return {
    simd: new WebAssembly.Module(readKernel('kernel-simd')),
    ...(WebAssembly.validate(relaxed) && { relaxed: new WebAssembly.Module(relaxed) }),
  };
}

function readKernel(name: string): Uint8Array<ArrayBuffer> {
  try {
    return readFileSync(new URL(`../build/${name}.wasm`, import.meta.url));
  } catch (cause) {
    throw new UserError(`build/${name}.wasm is not there; run npm run build`, { cause });
  }
}
