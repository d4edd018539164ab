import { describe, expect, it } from 'vitest';
import { planMixedTypes, uniformTypes } from '../../../cli/calibrate/mixed.ts';
import type { Sensitivities } from '../../../cli/calibrate/sensitivity.ts';
import { UserError } from '../../../cli/user-error.ts';
import { type Architecture, LINEAR_NAMES } from '../../../src/format/architecture.ts';
import { planLayerLayout } from '../../../src/format/layout.ts';

const architecture: Architecture = {
  vocabularySize: 1000,
  hiddenSize: 128,
  intermediateSize: 512,
  layerCount: 3,
  headCount: 4,
  positionCount: 66,
  positionOffset: 2,
  maxTokens: 64,
  layerNormEpsilon: 1e-5,
  colbertSize: 128,
};
const even = { qkv: 1, attentionOutput: 1, intermediate: 1, output: 1 };
const sensitivities: Sensitivities = [even, { ...even, intermediate: 50 }, { ...even, attentionOutput: 2 }];
const bytesOf = (types: readonly ReturnType<typeof uniformTypes>[]) =>
  types.reduce((sum, layer) => sum + planLayerLayout(architecture, layer).byteLength, 0);
const all = (type: 'u7' | 'u4g32') => Array.from({ length: 3 }, () => uniformTypes(type));

describe('planMixedTypes', () => {
  it('keeps to the budget, and uses it as far as whole linear layers go', () => {
    const [least, most] = [bytesOf(all('u4g32')), bytesOf(all('u7'))];
    let before = 0;
    for (let budget = least; budget <= most; budget += (most - least) / 16) {
      const types = planMixedTypes(architecture, sensitivities, budget);
      expect(bytesOf(types)).toBeLessThanOrEqual(budget);
      expect(bytesOf(types)).toBeGreaterThanOrEqual(before);
      before = bytesOf(types);
    }
    expect(planMixedTypes(architecture, sensitivities, least)).toEqual(all('u4g32'));
    expect(planMixedTypes(architecture, sensitivities, most)).toEqual(all('u7'));
  });

  it('gives 8 bits first where 4 harm most for each byte', () => {
    const oneLinear = bytesOf([{ ...uniformTypes('u4g32'), intermediate: 'u7' }]) - bytesOf([uniformTypes('u4g32')]);
    const types = planMixedTypes(architecture, sensitivities, bytesOf(all('u4g32')) + oneLinear);
    expect(types[1]!.intermediate).toBe('u7');
    expect(
      types.flatMap((layer) => LINEAR_NAMES.map((name) => layer[name])).filter((type) => type === 'u7'),
    ).toHaveLength(1);
  });

  it('refuses a budget below 4 bits throughout, with the least that would do', () => {
    expect(() => planMixedTypes(architecture, [], 1000)).toThrow(UserError);
    expect(() => planMixedTypes(architecture, [], 1000)).toThrow(/--budget: 1\.00 kB is less than the \d+ kB/);
  });
});
