import {
  type Architecture,
  type LayerWeightTypes,
  LINEAR_NAMES,
  type WeightType,
} from '../../src/format/architecture.ts';
import { planLayerLayout } from '../../src/format/layout.ts';
import { formatBytes } from '../format.ts';
import { UserError } from '../user-error.ts';
import type { Sensitivities } from './sensitivity.ts';

/** The same packing in all four linear layers. */
export const uniformTypes = (type: WeightType): LayerWeightTypes => ({
  qkv: type,
  attentionOutput: type,
  intermediate: type,
  output: type,
});

/**
 * Which linear layers get 8 bits where the encoder layers together may have `budgetBytes`: those first that 4 bits would harm most for each byte
 * saved, as long as they fit.
 *
 * @throws UserError if not even 4 bits throughout fit.
 */
export function planMixedTypes(
  architecture: Architecture,
  sensitivities: Sensitivities,
  budgetBytes: number,
): LayerWeightTypes[] {
  const bytesOf = (types: LayerWeightTypes) => planLayerLayout(architecture, types).byteLength;
  const narrow = uniformTypes('u4g32');
  let bytes = bytesOf(narrow) * architecture.layerCount;
  if (bytes > budgetBytes) {
    throw new UserError(
      `--budget: ${formatBytes(budgetBytes)} is less than the ${formatBytes(bytes)} that encoder layers of 4 bits have`,
    );
  }
  const extraBytes = Object.fromEntries(
    LINEAR_NAMES.map((name) => [name, bytesOf({ ...narrow, [name]: 'u7' }) - bytesOf(narrow)]),
  );
  const candidates = sensitivities.flatMap((sensitivity, layer) =>
    LINEAR_NAMES.map((name) => ({ layer, name, gain: sensitivity[name] / extraBytes[name]! })),
  );
  const types = sensitivities.map(() => narrow);
  for (const { layer, name } of candidates.sort((a, b) => b.gain - a.gain)) {
    if (bytes + extraBytes[name]! > budgetBytes) continue;
    bytes += extraBytes[name]!;
    types[layer] = { ...types[layer]!, [name]: 'u7' };
  }
  return types;
}
