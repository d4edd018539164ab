import type { Architecture } from '../../format/architecture.ts';
import { CONTRIB, type OnnxConstant, type OnnxGraph, type OnnxNode, type OnnxValue } from './onnx-model.ts';

/**
 * An encoder layer's matrices, inputs of its graphs: `NAME` u8 [k, n], `NAME_scale` and `NAME_bias` f32 [n], and of the first three `NAME_columnSum`.
 */
export type MatrixName = 'query' | 'key' | 'value' | 'attentionOutput' | 'intermediate' | 'output';

/** The LayerNorms, inputs too: `NAME_weight`, `NAME_bias` f32 [hidden]. */
export const NORM_NAMES = ['attentionNorm', 'outputNorm'] as const;
type NormName = (typeof NORM_NAMES)[number];

/** Of every weight, as in model-shards/README.md. */
const ZERO_POINT = 64;

/**
 * An encoder layer as two graphs, so that a long text goes through the second in blocks of rows. Weights are inputs: the same two models serve every
 * layer, and no session holds a copy of any.
 */
export interface LayerGraphs {
  /** `x` [1, tokens, hidden] → `keys`, `values`, the same shape. */
  readonly keysValues: OnnxGraph;
  /** `x` [1, rows, hidden], some rows of a text, with the text's `keys` and `values` → `y`, those rows after the layer. */
  readonly block: OnnxGraph;
}

export function buildLayerGraphs(architecture: Architecture): LayerGraphs {
  const { hiddenSize, intermediateSize, headCount, layerNormEpsilon } = architecture;
  const tokens: OnnxValue = { type: 'float32', shape: [1, 'tokens', hiddenSize] };
  const rows: OnnxValue = { type: 'float32', shape: [1, 'rows', hiddenSize] };

  const keysValues = createGraph({ x: tokens });
  keysValues.quantizeRows('x');
  keysValues.linearOfRows('x', 'key', hiddenSize, 'keys');
  keysValues.linearOfRows('x', 'value', hiddenSize, 'values');

  const block = createGraph({ x: rows, keys: tokens, values: tokens });
  block.quantizeRows('x');
  block.linearOfRows('x', 'query', hiddenSize, 'queries');
  block.add(CONTRIB, 'MultiHeadAttention', ['queries', 'keys', 'values'], ['context'], {
    num_heads: BigInt(headCount),
  });
  block.linear('context', 'attentionOutput', hiddenSize, hiddenSize, 'attended');
  block.addNorm('attended', 'x', 'attentionNorm', hiddenSize, layerNormEpsilon, 'middle');
  block.linear('middle', 'intermediate', hiddenSize, intermediateSize, 'wide');
  block.add(CONTRIB, 'Gelu', ['wide'], ['activated']);
  block.linear('activated', 'output', intermediateSize, hiddenSize, 'narrow');
  block.addNorm('narrow', 'middle', 'outputNorm', hiddenSize, layerNormEpsilon, 'y');

  return { keysValues: keysValues.finish({ keys: tokens, values: tokens }), block: block.finish({ y: rows }) };
}

const scalar = (value: number): OnnxConstant => ({
  type: 'float32',
  shape: [],
  bytes: new Uint8Array(Float32Array.of(value).buffer),
});

/** Collects nodes; a node's output is named by the caller, what lies between gets the name of its source and a suffix. */
function createGraph(given: Readonly<Record<string, OnnxValue>>) {
  const inputs: Record<string, OnnxValue> = { ...given };
  const constants: Record<string, OnnxConstant> = {
    zeroPoint: { type: 'uint8', shape: [], bytes: Uint8Array.of(ZERO_POINT) },
    half: scalar(0.5),
    tiny: scalar(1e-30),
  };
  const nodes: OnnxNode[] = [];
  const add = (domain: string, op: string, from: string[], to: string[], attributes: OnnxNode['attributes'] = {}) => {
    nodes.push({ op, domain, inputs: from, outputs: to, attributes });
  };
  const vector = (name: string, size: number): string => {
    inputs[name] = { type: 'float32', shape: [size] };
    return name;
  };
  const matrixInput = (name: MatrixName, k: number, n: number): string => {
    inputs[name] = { type: 'uint8', shape: [k, n] };
    return name;
  };
  /** x → `x_u8`, with one scale and zero point for the whole tensor. */
  const quantize = (x: string) => add('', 'DynamicQuantizeLinear', [x], [`${x}_u8`, `${x}_scale`, `${x}_zeroPoint`]);
  /** Quantised x times a matrix, bias added where it is named. */
  const product = (x: string, matrix: MatrixName, k: number, n: number, bias: string[], output: string): void => {
    const weights = [matrixInput(matrix, k, n), `${x}_scale`, vector(`${matrix}_scale`, n)];
    const from = [`${x}_u8`, ...weights, `${x}_zeroPoint`, 'zeroPoint', ...bias];
    add(CONTRIB, 'MatMulIntegerToFloat', from, [output]);
  };

  return {
    add,
    /** A linear layer, its input quantised as one tensor: what onnxruntime's own quantiser makes. */
    linear(x: string, matrix: MatrixName, k: number, n: number, output: string): void {
      quantize(x);
      product(x, matrix, k, n, [vector(`${matrix}_bias`, n)], output);
    },
    /**
     * x → `x_range`, `x_middle` a row and the quantised (x - middle) / range. One scale a row: queries and keys decide sharp attention scores, and with
     * one scale for all rows dense outputs of the fixtures move by up to .0017 in cosine.
     */
    quantizeRows(x: string): void {
      add('', 'ReduceMax', [x], [`${x}_high`], { axes: [-1n] });
      add('', 'ReduceMin', [x], [`${x}_low`], { axes: [-1n] });
      add('', 'Sub', [`${x}_high`, `${x}_low`], [`${x}_span`]);
      add('', 'Max', [`${x}_span`, 'tiny'], [`${x}_range`]); // a row of one value is its middle
      add('', 'Add', [`${x}_high`, `${x}_low`], [`${x}_ends`]);
      add('', 'Mul', [`${x}_ends`, 'half'], [`${x}_middle`]);
      add('', 'Sub', [x, `${x}_middle`], [`${x}_centred`]);
      add('', 'Div', [`${x}_centred`, `${x}_range`], [`${x}_unit`]);
      add('', 'DynamicQuantizeLinear', [`${x}_unit`], [`${x}_u8`, `${x}_scale`, `${x}_zeroPoint`]);
    },
    /** A linear layer [hidden, hidden] over rows of `quantizeRows`: range · product + middle · columnSum + bias. */
    linearOfRows(x: string, matrix: MatrixName, size: number, output: string): void {
      product(x, matrix, size, size, [], `${output}_unit`);
      add('', 'Mul', [`${output}_unit`, `${x}_range`], [`${output}_scaled`]);
      add('', 'Mul', [`${x}_middle`, vector(`${matrix}_columnSum`, size)], [`${output}_offset`]);
      add('', 'Add', [`${output}_scaled`, `${output}_offset`], [`${output}_sum`]);
      add('', 'Add', [`${output}_sum`, vector(`${matrix}_bias`, size)], [output]);
    },
    /** LayerNorm of x + residual. */
    addNorm(x: string, residual: string, norm: NormName, size: number, epsilon: number, output: string): void {
      const from = [x, residual, vector(`${norm}_weight`, size), vector(`${norm}_bias`, size)];
      add(CONTRIB, 'SkipLayerNormalization', from, [output], { epsilon });
    },
    finish: (outputs: Readonly<Record<string, OnnxValue>>): OnnxGraph => ({ inputs, outputs, constants, nodes }),
  };
}
