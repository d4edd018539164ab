import { readFileSync } from 'node:fs';
import { findOnnxRuntime } from '../../cli/onnx-engine.ts';

/** onnxruntime-web's wasm, compiled. */
export const ONNX_MODULE = new WebAssembly.Module(readFileSync(findOnnxRuntime()));
