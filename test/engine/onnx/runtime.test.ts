import { expect, it } from 'vitest';
import { buildLayerGraphs } from '../../../src/engine/onnx/layer-graphs.ts';
import { encodeOnnxModel } from '../../../src/engine/onnx/onnx-model.ts';
import { createSessions } from '../../../src/engine/onnx/runtime.ts';
import { tinyManifest } from '../../format/tiny-manifest.ts';
import { ONNX_MODULE } from '../../support/onnx-module.ts';

// In a Worker no request can then come between, nor end there and leave a runtime half started.
it('starts onnxruntime within one turn of the event loop, and leaves WebAssembly as it was', async () => {
  const { instantiate } = WebAssembly;
  let turns = 0;
  const count = () => {
    turns++;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  const sessions = await createSessions(ONNX_MODULE, [
    encodeOnnxModel(buildLayerGraphs(tinyManifest().architecture).block),
  ]);
  clearImmediate(next);
  expect(sessions[0]!.inputNames).toContain('query_columnSum');
  expect(turns).toBe(0);
  expect(WebAssembly.instantiate).toBe(instantiate);
});
