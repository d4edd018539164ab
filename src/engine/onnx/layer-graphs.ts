import type { Architecture } from '../../format/architecture.ts';
import { CONTRIB, type OnnxConstant, type OnnxGraph, type OnnxNode, type OnnxValue } from './onnx-model.ts';

/** The weight matrices of an encoder layer as its graphs take them: three inputs each, `NAME` u8 [k, n], `NAME_scale` and `NAME_bias` f32 [n]. */
export const MATRIX_NAMES = ['query', 'key', 'value', 'attentionOutput', 'intermediate', 'output'] as const;
export type MatrixName = (typeof MATRIX_NAMES)[number];

/** The LayerNorms, two inputs each: `NAME_weight` and `NAME_bias`, f32 [hidden]. */
export const NORM_NAMES = ['attentionNorm', 'outputNorm'] as const;

const ZERO_POINT = 64;

/**
 * An encoder layer as two graphs, so that a long text passes through the second one in blocks of rows. Weights are inputs: the same two models serve
 * every layer, no session is made for one, and no shard is held twice.
 */
export interface LayerGraphs {
  /** `x` [1, tokens, hidden] → `keys`, `values`, the same shape. */
  readonly keysValues: OnnxGraph;
  /** `x` [1, rows, hidden] of a text with `keys` and `values` → `y`, those rows after the layer. */
  readonly block: OnnxGraph;
}

export function buildLayerGraphs(architecture: Architecture): LayerGraphs {
  const { hiddenSize, intermediateSize, headCount, layerNormEpsilon } = architecture;
  const tokens: OnnxValue = { type: 'float32', shape: [1, 'tokens', hiddenSize] };
  const rows: OnnxValue = { type: 'float32', shape: [1, 'rows', hiddenSize] };

  const keysValues = createGraph({ x: tokens });
  keysValues.quantize('x');
  keysValues.linear('x', 'key', hiddenSize, hiddenSize, 'keys');
  keysValues.linear('x', 'value', hiddenSize, hiddenSize, 'values');

  const block = createGraph({ x: rows, keys: tokens, values: tokens });
  block.quantize('x');
  block.linear('x', 'query', hiddenSize, hiddenSize, 'queries');
  block.node('MultiHeadAttention', ['queries', 'keys', 'values'], ['context'], { num_heads: BigInt(headCount) });
  block.quantize('context');
  block.linear('context', 'attentionOutput', hiddenSize, hiddenSize, 'attended');
  block.addNorm('attended', 'x', 'attentionNorm', hiddenSize, layerNormEpsilon, 'middle');
  block.quantize('middle');
  block.linear('middle', 'intermediate', hiddenSize, intermediateSize, 'wide');
  block.node('Gelu', ['wide'], ['activated']);
  block.quantize('activated');
  block.linear('activated', 'output', intermediateSize, hiddenSize, 'narrow');
  block.addNorm('narrow', 'middle', 'outputNorm', hiddenSize, layerNormEpsilon, 'y');

  return { keysValues: keysValues.finish({ keys: tokens, values: tokens }), block: block.finish({ y: rows }) };
}

function createGraph(given: Readonly<Record<string, OnnxValue>>) {
  const inputs: Record<string, OnnxValue> = { ...given };
  const constants: Record<string, OnnxConstant> = {
    zeroPoint: { type: 'uint8', shape: [], bytes: Uint8Array.of(ZERO_POINT) },
  };
  const nodes: OnnxNode[] = [];
  const scaled = new Set<string>();
  const widths: any = (globalThis as any).W;
  const node = (
    op: string,
    from: readonly string[],
    outputs: readonly string[],
    attributes: OnnxNode['attributes'] = {},
    domain = CONTRIB,
  ): void => {
    nodes.push({ op, domain, inputs: from, outputs, attributes });
  };
  const vector = (size: number): OnnxValue => ({ type: 'float32', shape: [size] });

  return {
    node,
    /** x → `x_u8`, `x_scale`, `x_zeroPoint`: one scale for the whole tensor, between its extremes. */
    quantize(x: string): void {
      const R = (globalThis as any).PERROW ?? '';
      if (R.includes(x + ',')) {
        if (R.includes('rms')) {
          constants['ones' + x] = {
            type: 'float32',
            shape: [x === 'activated' ? widths.i : widths.h],
            bytes: new Uint8Array(new Float32Array(x === 'activated' ? widths.i : widths.h).fill(1).buffer),
          };
          node(
            'SimplifiedLayerNormalization',
            [x, 'ones' + x],
            [x + '_n', x + '_inv'],
            { axis: -1n, epsilon: 1e-12 },
            '',
          );
          node('Reciprocal', [x + '_inv'], [x + '_r'], {}, '');
        } else {
          node('ReduceMax', [x], [x + '_mx'], { axes: [-1n] }, '');
          node('ReduceMin', [x], [x + '_mn'], { axes: [-1n] }, '');
          node('Sub', [x + '_mx', x + '_mn'], [x + '_r'], {}, '');
          node('Div', [x, x + '_r'], [x + '_n'], {}, '');
        }
        node('DynamicQuantizeLinear', [x + '_n'], [`${x}_u8`, `${x}_scale`, `${x}_zeroPoint`], {}, '');
        scaled.add(x);
        return;
      }
      node('DynamicQuantizeLinear', [x], [`${x}_u8`, `${x}_scale`, `${x}_zeroPoint`], {}, '');
    },
    /** A quantised `x` through one of the layer's matrices. */
    linear(x: string, matrix: MatrixName, k: number, n: number, output: string): void {
      const [scale, bias] = [`${matrix}_scale`, `${matrix}_bias`];
      Object.assign(inputs, { [matrix]: { type: 'uint8', shape: [k, n] }, [scale]: vector(n), [bias]: vector(n) });
      if (scaled.has(x)) {
        node(
          'MatMulIntegerToFloat',
          [`${x}_u8`, matrix, `${x}_scale`, scale, `${x}_zeroPoint`, 'zeroPoint'],
          [output + '_0'],
        );
        node('Mul', [output + '_0', x + '_r'], [output + '_1'], {}, '');
        node('Add', [output + '_1', bias], [output], {}, '');
        return;
      }
      const from = [`${x}_u8`, matrix, `${x}_scale`, scale, `${x}_zeroPoint`, 'zeroPoint', bias];
      node('MatMulIntegerToFloat', from, [output]);
    },
    /** LayerNorm of x + residual. */
    addNorm(x: string, residual: string, norm: string, size: number, epsilon: number, output: string): void {
      const [weight, bias] = [`${norm}_weight`, `${norm}_bias`];
      Object.assign(inputs, { [weight]: vector(size), [bias]: vector(size) });
      node('SkipLayerNormalization', [x, residual, weight, bias], [output], { epsilon });
    },
    finish: (outputs: Readonly<Record<string, OnnxValue>>): OnnxGraph => ({ inputs, outputs, constants, nodes }),
  };
}
