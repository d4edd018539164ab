import { describe, expect, it } from 'vitest';
import { packLinear } from '../../../cli/convert/pack.ts';
import { unpackLayer } from '../../../cli/convert/unpack.ts';
import { matricesOf, planSlot, prepareSlot } from '../../../src/engine/onnx/slot.ts';
import { type LayerWeightTypes, LINEAR_NAMES, type WeightType } from '../../../src/format/architecture.ts';
import { planLayerLayout } from '../../../src/format/layout.ts';
import { tinyManifest } from '../../format/tiny-manifest.ts';
import { seededGaussian } from '../../random.ts';

const architecture = { ...tinyManifest().architecture, hiddenSize: 64, intermediateSize: 192 };
const target = planSlot(architecture);
const gaussian = seededGaussian(5);

function makeShard(types: LayerWeightTypes): Uint8Array<ArrayBuffer> {
  const layout = planLayerLayout(architecture, types);
  const shard = new Uint8Array(layout.byteLength);
  const put = (offset: number, values: Uint8Array | Float32Array) =>
    shard.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), offset);
  const vector = (count: number) => Float32Array.from({ length: count }, () => gaussian());
  for (const name of LINEAR_NAMES) {
    const { n, k, type, ...sections } = layout[name];
    const packed = packLinear(type, vector(n * k), n, k);
    put(sections.weights, packed.weights);
    put(sections.scale, packed.scale);
    put(sections.columnSum, packed.columnSum);
    put(sections.bias, vector(n));
  }
  for (const { weight, bias } of [layout.attentionNorm, layout.outputNorm]) {
    put(weight, vector(architecture.hiddenSize));
    put(bias, vector(architecture.hiddenSize));
  }
  return shard;
}

const all = (type: WeightType): LayerWeightTypes => ({
  qkv: type,
  attentionOutput: type,
  intermediate: type,
  output: type,
});

describe('prepareSlot', () => {
  it.each<[string, LayerWeightTypes]>([
    ['u7', all('u7')],
    ['u4g32', all('u4g32')],
    ['both in one layer', { qkv: 'u4g32', attentionOutput: 'u7', intermediate: 'u4g32', output: 'u7' }],
    ['both the other way round', { qkv: 'u7', attentionOutput: 'u4g32', intermediate: 'u7', output: 'u4g32' }],
  ])('gives the weights that the converter unpacks: %s', (_, types) => {
    const shard = makeShard(types);
    const layout = planLayerLayout(architecture, types);
    const unpacked = unpackLayer(shard, architecture, types);
    const columnSums = LINEAR_NAMES.flatMap((name) => [...floatsAt(shard, layout[name].columnSum, layout[name].n)]);

    const slot = new Uint8Array(target.byteLength).fill(0xee);
    slot.set(shard);
    prepareSlot(slot, layout, target, new Uint8Array(architecture.intermediateSize * architecture.hiddenSize));

    const ours = matricesOf(target).map(({ n, k, weights, scale, bias }) => {
      const scales = floatsAt(slot, scale, n);
      const weight = Array.from({ length: n * k }, (_, i) => {
        const [row, column] = [Math.floor(i / k), i % k];
        return Math.fround(scales[row]! * (slot[weights + column * n + row]! - 64));
      });
      return { weight, bias: [...floatsAt(slot, bias, n)] };
    });
    const { qkv, attentionOutput, intermediate, output } = unpacked;
    // Query, key and value one after another are the rows of the converter's `qkv`.
    expect(ours.slice(0, 3).flatMap(({ weight }) => weight)).toEqual([...qkv.weight]);
    expect(ours.slice(0, 3).flatMap(({ bias }) => bias)).toEqual([...qkv.bias]);
    for (const [i, linear] of [attentionOutput, intermediate, output].entries()) {
      expect(ours[3 + i]!.weight).toEqual([...linear.weight]);
      expect(ours[3 + i]!.bias).toEqual([...linear.bias]);
    }
    expect(matricesOf(target).flatMap(({ columnSum, n }) => [...floatsAt(slot, columnSum, n)])).toEqual(columnSums);
    for (const name of ['attentionNorm', 'outputNorm'] as const) {
      expect(floatsAt(slot, target[name].weight, architecture.hiddenSize)).toEqual(unpacked[name].weight);
      expect(floatsAt(slot, target[name].bias, architecture.hiddenSize)).toEqual(unpacked[name].bias);
    }
  });
});

const floatsAt = (bytes: Uint8Array<ArrayBuffer>, offset: number, count: number) =>
  new Float32Array(bytes.buffer, offset, count);
