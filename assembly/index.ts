export { checksum } from './checksum';
export { selectDot } from './dot';
export { gemm, unpackPanel } from './gemm';
export { quantizeRows } from './quantize';
export { storeKeysValues } from './key-value-store';
export { attention } from './attention';
export { gelu } from './activation';
export { addLayerNorm, allFinite, unitRows } from './norm';
export { addRowI16, loadRowI8 } from './rows';
export { gemmF32, meanRows, rowDots } from './heads';

/** First byte that the kernels' own constants do not use. */
export function heapBase(): usize {
  return __heap_base;
}
