import { ServiceError } from '../errors.ts';

/** Addresses are byte offsets into `memory`. Contracts stand at each function in `assembly/`. */
interface KernelExports {
  heapBase(): number;
  checksum(address: number, bytes: number): number;
  selectDot(forced: number): number;
  quantizeRows(x: number, stride: number, rows: number, k: number, out: number, rowScales: number): void;
  gemm(
    rowGroups: number,
    k: number,
    panels: number,
    type: number,
    a: number,
    rowScales: number,
    weights: number,
    scale: number,
    columnSum: number,
    bias: number,
    out: number,
    outStride: number,
    panelScratch: number,
  ): void;
  unpackPanel(groups: number, packed: number, out: number): void;
  storeKeysValues(
    kv: number,
    stride: number,
    rows: number,
    firstKey: number,
    heads: number,
    headSize: number,
    keyCapacity: number,
    keys: number,
    values: number,
    scales: number,
  ): void;
  attention(
    q: number,
    stride: number,
    rows: number,
    headStart: number,
    headEnd: number,
    heads: number,
    headSize: number,
    keyCount: number,
    keyCapacity: number,
    keys: number,
    values: number,
    scales: number,
    out: number,
    scratch: number,
  ): void;
  gelu(x: number, count: number): void;
  addLayerNorm(
    x: number,
    delta: number,
    rows: number,
    width: number,
    weight: number,
    bias: number,
    epsilon: number,
  ): void;
  unitRows(x: number, rows: number, width: number): void;
  allFinite(x: number, count: number): number;
  loadRowI8(values: number, scale: number, width: number, out: number): void;
  loadRowI4(values: number, scale: number, width: number, out: number): void;
  addRowI16(values: number, scale: number, width: number, out: number): void;
  rowDots(x: number, rows: number, width: number, weight: number, bias: number, out: number): void;
  meanRows(x: number, rows: number, width: number, out: number): void;
  gemmF32(
    rows: number,
    k: number,
    n: number,
    x: number,
    weights: number,
    scale: number,
    bias: number,
    out: number,
    panelScratch: number,
  ): void;
  bestDots(
    queries: number,
    queryRows: number,
    width: number,
    passages: number,
    passageRows: number,
    panel: number,
    best: number,
  ): void;
}

/** The dot product in use: `fused` needs VNNI, `pairwise` any relaxed SIMD, `plain` neither. Bits are the same on all. */
export const DOT_PATHS = ['plain', 'pairwise', 'fused'] as const;
export type DotPath = (typeof DOT_PATHS)[number];

export interface Kernel extends Readonly<KernelExports> {
  readonly memory: WebAssembly.Memory;
  readonly dotPath: DotPath;
}

/** Compiled modules of `assembly/`; a host whose runtime refuses the relaxed one leaves it out. */
export interface KernelModules {
  readonly relaxed?: WebAssembly.Module | undefined;
  readonly simd: WebAssembly.Module;
}

export const WASM_PAGE_BYTES = 65536;

/**
 * Instantiates the fastest module that computes right here.
 *
 * @param maximumBytes The memory never grows beyond this, rounded up to whole pages.
 * @param forced A path to use instead of the detected one; tests compare them.
 */
export function createKernel(modules: KernelModules, maximumBytes: number, forced?: DotPath): Kernel {
  if (modules.relaxed && forced !== 'plain') {
    const kernel = instantiate(modules.relaxed, maximumBytes, forced);
    if (forced || dotsAreExact(kernel)) return kernel;
  }
  return instantiate(modules.simd, maximumBytes);
}

function instantiate(module: WebAssembly.Module, maximumBytes: number, forced?: DotPath): Kernel {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: Math.ceil(maximumBytes / WASM_PAGE_BYTES) });
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  const exports = instance.exports as unknown as KernelExports;
  const dotPath = DOT_PATHS[exports.selectDot(forced ? DOT_PATHS.indexOf(forced) : -1)]!;
  return { ...exports, memory, dotPath };
}

/** Gives the memory at least so many bytes. @throws ServiceError `budget_exceeded` where its maximum is lower, or there is no more. */
export function growTo({ memory }: Pick<Kernel, 'memory'>, bytes: number): void {
  const missing = bytes - memory.buffer.byteLength;
  if (missing <= 0) return;
  try {
    memory.grow(Math.ceil(missing / WASM_PAGE_BYTES));
  } catch (cause) {
    throw new ServiceError('budget_exceeded', `wasm memory cannot grow to ${bytes} bytes; send shorter texts`, {
      cause,
    });
  }
}

/** One tile of extreme operands: a runtime whose relaxed dot is wrong (V8 of Node 20 behind its flag) shows it here. */
function dotsAreExact(kernel: Kernel): boolean {
  const base = Math.ceil(kernel.heapBase() / 16) * 16;
  const [a, rowScales, weights, columns, out] = [base, base + 64, base + 128, base + 256, base + 384];
  const bytes = new Uint8Array(kernel.memory.buffer);
  const floats = new Float32Array(kernel.memory.buffer);
  bytes.fill(0, base, base + 1024);
  for (let i = 0; i < 64; i++) bytes[a + i] = i % 3 === 0 ? 127 : 129;
  for (let i = 0; i < 128; i++) bytes[weights + i] = i % 5 === 0 ? 126 : 127;
  for (let row = 0; row < 4; row++) floats[rowScales / 4 + 4 * row] = 1;
  floats.fill(1, columns / 4, columns / 4 + 8);
  kernel.gemm(1, 16, 1, 0, a, rowScales, weights, columns, columns + 32, columns + 64, out, 32, 0);
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 8; column++) {
      let sum = 0;
      for (let k = 0; k < 16; k++) {
        const at = (k >> 2) * 4;
        sum += ((bytes[a + at * 4 + row * 4 + (k & 3)]! << 24) >> 24) * bytes[weights + at * 8 + column * 4 + (k & 3)]!;
      }
      if (floats[out / 4 + row * 8 + column] !== sum) return false;
    }
  }
  return true;
}
