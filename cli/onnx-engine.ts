import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { LayerRunner } from '../src/engine/layer-runner.ts';
import type { Architecture } from '../src/format/architecture.ts';
import { UserError } from './user-error.ts';

/** `--engine`. */
export const ENGINE_OPTION: EngineOption = {
  type: 'enum',
  options: ['wasm', 'onnx'],
  default: 'wasm',
  description: 'The kernels, or the same shards through onnxruntime-web',
};

interface EngineOption {
  type: 'enum';
  options: LayerRunner['engine'][];
  default: LayerRunner['engine'];
  description: string;
}

/**
 * onnxruntime-web's wasm.
 *
 * @throws UserError where the package, which nothing else needs, is not installed.
 */
export function findOnnxRuntime(): string {
  try {
    return createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm');
  } catch (cause) {
    throw new UserError(
      '--engine onnx needs onnxruntime-web, which is not installed; npm install onnxruntime-web@1.30.0',
      {
        cause,
      },
    );
  }
}

/** The `onnx` engine in Node; texts may be as long as the model allows. */
export async function loadOnnxLayers(architecture: Architecture): Promise<LayerRunner> {
  const module = new WebAssembly.Module(readFileSync(findOnnxRuntime()));
  const { createOnnxLayers } = await import('../src/engine/onnx/onnx-layers.ts');
  return createOnnxLayers(architecture, module);
}
