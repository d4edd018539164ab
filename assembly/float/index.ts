/** The float32 path of the command line: what converts and judges a model, never what serves it. No fused multiplication, so bits are the same everywhere. */
export { multiplyAdd, packColumns, packRows } from './multiply';
export { roundRows } from './activations';
export { subtract } from './elementwise';
export { softmaxRows } from './softmax';
export { gelu } from '../activation';
export { addLayerNorm, allFinite, unitRows } from '../norm';
export { meanRows, rowDots } from '../heads';

/** First byte that the kernels' own constants do not use. */
export function heapBase(): usize {
  return __heap_base;
}
