export { checksum } from './checksum';
export { selectDot } from './dot';
export { gemm, unpackPanel } from './gemm';
export { quantizeRows } from './quantize';
export { storeKeysValues } from './key-value-store';
export { attention } from './attention';
export { gelu } from './activation';
export { addLayerNorm, allFinite, unitRows } from './norm';
export { addRowI16, loadRowI4, loadRowI8 } from './rows';
export { gemmF32, meanRows, rowDots } from './heads';
export { bestDots } from './max-sim';

/**
 * Nobody outside calls these. What is called from one place alone is inlined there, and code that runs is never replaced: a first call would
 * stay with the baseline compiler's code to its end, several times slower.
 */
export { packQueries, prepareFactors, scoreBlock } from './attention';
export { storeKey, storeValue } from './key-value-store';
export { dots4x4, widenRows } from './max-sim';
export { quantizeGroup } from './quantize';
export { weighHalves } from './softmax';

/** First byte that the kernels' own constants do not use. */
export function heapBase(): usize {
  return __heap_base;
}
