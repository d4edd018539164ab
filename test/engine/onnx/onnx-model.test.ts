import * as ort from 'onnxruntime-web/wasm';
import { describe, expect, it } from 'vitest';
import { CONTRIB, encodeOnnxModel, type OnnxGraph, type OnnxNode } from '../../../src/engine/onnx/onnx-model.ts';
import { createSessions } from '../../../src/engine/onnx/runtime.ts';
import { ONNX_MODULE } from '../../support/onnx-module.ts';

/** onnxruntime is the oracle: it parses the bytes, checks shapes and types, and computes. */
async function compute(graph: OnnxGraph, feeds: Record<string, ort.Tensor>) {
  const [session] = await createSessions(ONNX_MODULE, [encodeOnnxModel(graph)]);
  const outputs = await session!.run(feeds);
  await session!.release();
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { dims, data }]) => [name, { dims, data: [...(data as Float32Array)] }]),
  );
}

const node = (op: string, inputs: string[], output: string, attributes: OnnxNode['attributes'] = {}, domain = '') => ({
  op,
  domain,
  inputs,
  outputs: [output],
  attributes,
});
const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const row = (...values: number[]) => new ort.Tensor('float32', Float32Array.from(values), [1, values.length]);

describe('encodeOnnxModel', () => {
  it('writes nodes, constants of a shape and free dimensions', async () => {
    const graph: OnnxGraph = {
      inputs: { x: { type: 'float32', shape: ['rows', 3] } },
      outputs: { y: { type: 'float32', shape: ['rows', 2] } },
      constants: {
        w: { type: 'float32', shape: [3, 2], bytes: floats(1, 2, 3, 4, 5, 6) },
        b: { type: 'float32', shape: [2], bytes: floats(0.5, -0.5) },
      },
      nodes: [node('MatMul', ['x', 'w'], 'xw'), node('Add', ['xw', 'b'], 'y')],
    };
    const two = new ort.Tensor('float32', Float32Array.of(1, 0, 0, 1, 1, 1), [2, 3]);
    expect((await compute(graph, { x: two })).y).toMatchObject({ dims: [2, 2], data: [1.5, 1.5, 9.5, 11.5] });
    expect((await compute(graph, { x: row(0, 1, 0) })).y).toMatchObject({ dims: [1, 2], data: [3.5, 3.5] });
  });

  it('writes attributes that are floats, integers and lists of negative integers', async () => {
    const graph: OnnxGraph = {
      inputs: { x: { type: 'float32', shape: [1, 'n'] } },
      outputs: { max: { type: 'float32', shape: [1] }, soft: { type: 'float32', shape: [1, 'n'] } },
      constants: {},
      nodes: [
        node('ReduceMax', ['x'], 'max', { axes: [-1n], keepdims: 0n }),
        node('LeakyRelu', ['x'], 'soft', { alpha: 0.25 }),
      ],
    };
    const { max, soft } = await compute(graph, { x: row(-2, 7, 3) });
    expect(max).toMatchObject({ dims: [1], data: [7] });
    expect(soft).toMatchObject({ dims: [1, 3], data: [-0.5, 7, 3] });
  });

  it("names onnxruntime's own operators, and leaves an optional input out", async () => {
    const graph: OnnxGraph = {
      inputs: { a: { type: 'uint8', shape: [1, 2] }, b: { type: 'uint8', shape: [2, 1] } },
      outputs: { y: { type: 'float32', shape: [1, 1] } },
      constants: {
        zero: { type: 'uint8', shape: [], bytes: Uint8Array.of(64) },
        s: { type: 'float32', shape: [], bytes: floats(0.5) },
      },
      nodes: [node('MatMulIntegerToFloat', ['a', 'b', 's', 's', '', 'zero'], 'y', {}, CONTRIB)],
    };
    const a = new ort.Tensor('uint8', Uint8Array.of(3, 200), [1, 2]);
    const b = new ort.Tensor('uint8', Uint8Array.of(65, 63), [2, 1]);
    expect((await compute(graph, { a, b })).y).toMatchObject({ data: [0.25 * (3 - 200)] });
  });
});
