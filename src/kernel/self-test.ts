import { ServiceError } from '../errors.ts';
import { createKernel, type DotPath, growTo, type Kernel, type KernelModules } from './kernel.ts';

/**
 * What `selfTest` gives on every path and CPU. A commit that changes the bits of a kernel writes the new number here, and raises
 * NUMERICS_VERSION.
 */
export const SELF_TEST_CHECKSUM = 652553788;

/** Sizes of the layer that is computed: the smallest that takes every kernel through a whole tile and a ragged one. */
const [ROWS, WIDTH, HEADS, KEYS] = [5, 64, 4, 8];
const PADDED_ROWS = 8;
const HEAD_SIZE = WIDTH / HEADS;
const U7 = 0;
const U4 = 1;
const EPSILON = 1e-5;
/** More than its numbers take. */
const BYTES = 32 * 1024;

/**
 * `createKernel`, for a runtime that is not trusted: where its relaxed SIMD computes other numbers than it should, the path without is taken.
 *
 * @throws ServiceError `engine_numeric` where that is wrong, too.
 */
export function createCheckedKernel(modules: KernelModules, maximumBytes: number, forced?: DotPath): Kernel {
  const kernel = createKernel(modules, maximumBytes, forced);
  if (selfTest(kernel) === SELF_TEST_CHECKSUM) return kernel;
  const plain = createKernel({ simd: modules.simd }, maximumBytes);
  const found = selfTest(plain);
  if (forced === undefined && found === SELF_TEST_CHECKSUM) return plain;
  throw new ServiceError(
    'engine_numeric',
    `the kernels compute other numbers than they should: checksum ${found}; after a change of theirs, CONTRIBUTING.md says what to do, else this runtime cannot be used`,
  );
}

/**
 * One small layer of numbers that follow from a seed, through the kernels of a pass: quantised, multiplied by weights of both types, attention, GELU, LayerNorm, the
 * ColBERT head. Less than a millisecond. The memory it takes holds zeros afterwards.
 *
 * @returns A checksum of all that came out.
 */
export function selfTest(kernel: Kernel): number {
  const base = Math.ceil(kernel.heapBase() / 64) * 64;
  let end = base;
  const take = (bytes: number): number => {
    const start = end;
    end += Math.ceil(bytes / 64) * 64;
    return start;
  };
  growTo(kernel, base + BYTES);
  const memory = new Uint8Array(kernel.memory.buffer);
  const floats = new Float32Array(kernel.memory.buffer);
  const next = createGenerator();
  const fillFloats = (count: number, factor: number): number => {
    const address = take(4 * count);
    for (let i = 0; i < count; i++) floats[address / 4 + i] = factor * next();
    return address;
  };
  const fillBytes = (count: number, mask: number): number => {
    const address = take(count);
    for (let i = 0; i < count; i++) memory[address + i] = (next() * 2 ** 31) & mask;
    return address;
  };

  const x = fillFloats(PADDED_ROWS * WIDTH, 3);
  const [norm, bias] = [fillFloats(WIDTH, 1), fillFloats(2 * WIDTH, 1)];
  const [scale, columnSum] = [fillFloats(2 * WIDTH, 0.01), fillFloats(2 * WIDTH, 0.1)];
  const weights = fillBytes(2 * WIDTH * WIDTH, 0x7f);
  // A group's step and minimum stay below 64: its codes then expand to at most 7 bits.
  const groups = fillBytes((WIDTH / 8) * (WIDTH / 32) * 144, 0x3f);
  const [activations, rowScales] = [take(PADDED_ROWS * WIDTH), take(16 * PADDED_ROWS)];
  const [wide, context] = [take(4 * PADDED_ROWS * 2 * WIDTH), take(4 * (PADDED_ROWS + 4) * WIDTH)];
  const [keys, values, keyScales] = [take(KEYS * WIDTH), take(KEYS * WIDTH), take(12 * HEADS * KEYS)];
  const scratch = take(32 * WIDTH);

  const columns = (type: number, address: number, panels: number): void =>
    kernel.gemm(
      PADDED_ROWS / 4,
      WIDTH,
      panels,
      type,
      activations,
      rowScales,
      address,
      scale,
      columnSum,
      bias,
      wide,
      32 * panels,
      scratch,
    );
  kernel.quantizeRows(x, 4 * WIDTH, ROWS, WIDTH, activations, rowScales);
  columns(U7, weights, (2 * WIDTH) / 8);
  kernel.storeKeysValues(wide, 8 * WIDTH, ROWS, 0, HEADS, HEAD_SIZE, KEYS, keys, values, keyScales);
  columns(U4, groups, WIDTH / 8);
  const stride = 4 * WIDTH;
  kernel.attention(
    wide,
    stride,
    ROWS,
    0,
    HEADS,
    HEADS,
    HEAD_SIZE,
    ROWS,
    KEYS,
    keys,
    values,
    keyScales,
    context,
    scratch,
  );
  kernel.gelu(context, ROWS * WIDTH);
  kernel.addLayerNorm(x, context, ROWS, WIDTH, norm, bias, EPSILON);
  kernel.gemmF32(ROWS, WIDTH, WIDTH, x, weights, scale, bias, wide, scratch);
  kernel.unitRows(wide, ROWS, WIDTH);
  const checksum = kernel.checksum(x, ROWS * stride) ^ kernel.checksum(wide, ROWS * stride);
  memory.fill(0, base, end);
  return checksum;
}

/** Numbers in [-0.5, 0.5) with 24 bits each. */
function createGenerator(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    return (state >> 8) / 2 ** 24;
  };
}
