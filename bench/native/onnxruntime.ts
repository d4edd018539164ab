import { buildLayerGraphs } from '../../src/engine/onnx/layer-graphs.ts';
import { encodeOnnxModel, type OnnxConstant, type OnnxGraph } from '../../src/engine/onnx/onnx-model.ts';
import { ARCHITECTURE } from '../model.ts';
import { answer } from './answer.ts';

/** What is used of onnxruntime-node, which the root project does not install. */
interface Runtime {
  readonly InferenceSession: {
    create(model: Uint8Array, options: object): Promise<{ run(feeds: object): Promise<{ y: unknown }> }>;
  };
  readonly Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => unknown;
}

const ort: Runtime = await import('onnxruntime-node' as string);
const model = encodeOnnxModel(withConstantWeights());
const options = { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential' };
const sessions = await Promise.all(
  Array.from({ length: ARCHITECTURE.layerCount }, () => ort.InferenceSession.create(model, options)),
);

answer(async (tokens) => {
  const hidden = Float32Array.from({ length: tokens * ARCHITECTURE.hiddenSize }, (_, i) => Math.sin(i));
  let x: unknown = new ort.Tensor('float32', hidden, [1, tokens, ARCHITECTURE.hiddenSize]);
  for (const session of sessions) x = (await session.run({ x })).y;
});

/** The `onnx` engine's two graphs as one, as onnxruntime likes it best: a whole layer, weights constant, so that it packs them for itself. */
function withConstantWeights(): OnnxGraph {
  const { keysValues, block } = buildLayerGraphs(ARCHITECTURE);
  const known = new Set(keysValues.nodes.flatMap(({ outputs }) => outputs));
  const nodes = [...keysValues.nodes, ...block.nodes.filter(({ outputs }) => !outputs.some((name) => known.has(name)))];
  const { x, keys: _keys, values: _values, ...weights } = { ...keysValues.inputs, ...block.inputs };
  const constants: Record<string, OnnxConstant> = { ...keysValues.constants, ...block.constants };
  for (const [name, { type, shape }] of Object.entries(weights)) {
    const sizes = shape as readonly number[];
    const count = sizes.reduce((product, size) => product * size, 1);
    const bytes = type === 'uint8' ? matrixBytes(count) : vectorBytes(name, count);
    constants[name] = { type, shape: sizes, bytes };
  }
  return { inputs: { x: x! }, outputs: block.outputs, constants, nodes };
}

function matrixBytes(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => Math.random() * 128);
}

function vectorBytes(name: string, count: number): Uint8Array {
  const value = name.endsWith('_scale')
    ? 1 / (37 * Math.sqrt(ARCHITECTURE.hiddenSize))
    : name.endsWith('_weight')
      ? 1
      : 0;
  return new Uint8Array(new Float32Array(count).fill(value).buffer);
}
