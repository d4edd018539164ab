import type { FloatKernel, Matrix } from './kernel.ts';

/** Steps of the sum in one go: a panel of eight columns is then 16 KB, half of a first-level cache. */
const STEPS = 512;
/** Rows in one go: with 512 steps 256 KB, what stays in a second-level cache. */
const ROWS = 128;
const F32 = 4;

/** Rows `row`.. and columns `column`.. of a matrix, in place. */
export function part(matrix: Matrix, row: number, rows: number, column = 0, columns = matrix.columns): Matrix {
  return { address: matrix.address + row * matrix.stride + column * F32, rows, columns, stride: matrix.stride };
}

/** Makes every row the same. */
export function fillRows(kernel: FloatKernel, matrix: Matrix, row: Float32Array): void {
  const values = kernel.values(matrix);
  for (let start = 0; start < values.length; start += row.length) values.set(row, start);
}

/**
 * out += factor · x · wᵀ. Sums run in blocks of 512 steps, in the same order whatever the shape.
 *
 * @param x [rows, k]
 * @param w [n, k], 4 divides k.
 * @param out [rows, n], n rounded up to 8 and rows to 4; what is beyond [rows, n] gets zeros added.
 * @param isUpper Leaves out what lies below the diagonal, but for the blocks that it crosses.
 */
export function addProduct(kernel: FloatKernel, x: Matrix, w: Matrix, out: Matrix, factor = 1, isUpper = false): void {
  const packRows = (m: Matrix, row: number, rows: number, step: number, steps: number, width: number, f: number) =>
    pack(kernel, rows, steps, width, (address) =>
      kernel.packRows(m.address + row * m.stride + step * F32, m.stride, rows, steps, width, f, address),
    );
  for (let step = 0; step < x.columns; step += STEPS) {
    const steps = Math.min(STEPS, x.columns - step);
    kernel.scope(() => {
      const b = packRows(w, 0, w.rows, step, steps, 8, 1);
      addBlocks(kernel, b, w.rows, steps, out, x.rows, isUpper, (row, rows) =>
        packRows(x, row, rows, step, steps, 4, factor),
      );
    });
  }
}

/**
 * out += factor · x · b.
 *
 * @param x [rows, k], 4 divides k.
 * @param b [k, n], 8 divides n.
 * @param out [rows, n], rows rounded up to 4.
 */
export function addProductColumns(kernel: FloatKernel, x: Matrix, b: Matrix, out: Matrix, factor = 1): void {
  for (let step = 0; step < x.columns; step += STEPS) {
    const steps = Math.min(STEPS, x.columns - step);
    kernel.scope(() => {
      const panels = packColumns(kernel, part(b, step, steps), 8);
      addBlocks(kernel, panels, b.columns, steps, out, x.rows, false, (row, rows) =>
        pack(kernel, rows, steps, 4, (address) =>
          kernel.packRows(x.address + row * x.stride + step * F32, x.stride, rows, steps, 4, factor, address),
        ),
      );
    });
  }
}

/**
 * out += (x - shiftX)ᵀ · (y - shiftY): sums over rows, each block of 512 rows before it is added.
 *
 * @param x [rows, m], @param y [rows, n]; 4 divides m, 8 divides n.
 * @param shiftX [1, m], @param shiftY [1, n]
 * @param out [m, n]
 */
export function addGram(
  kernel: FloatKernel,
  x: Matrix,
  y: Matrix,
  shiftX: Matrix,
  shiftY: Matrix,
  out: Matrix,
  isUpper: boolean,
): void {
  for (let row = 0; row < x.rows; row += STEPS) {
    const steps = Math.min(STEPS, x.rows - row);
    kernel.scope(() => {
      const b = packColumns(kernel, part(y, row, steps), 8, shiftY);
      addBlocks(kernel, b, y.columns, steps, out, x.columns, isUpper, (column, columns) =>
        packColumns(kernel, part(x, row, steps, column, columns), 4, part(shiftX, 0, 1, column, columns)),
      );
    });
  }
}

/** The blocks of 128 rows of a product whose wide side is packed at `b`. */
function addBlocks(
  kernel: FloatKernel,
  b: number,
  columns: number,
  steps: number,
  out: Matrix,
  rowCount: number,
  isUpper: boolean,
  packBlock: (row: number, rows: number) => number,
): void {
  for (let row = 0; row < rowCount; row += ROWS) {
    const rows = Math.min(ROWS, rowCount - row);
    const firstPanel = isUpper ? Math.floor(row / 8) : 0;
    kernel.scope(() => {
      kernel.multiplyAdd(
        Math.ceil(rows / 4),
        Math.ceil(columns / 8) - firstPanel,
        steps,
        packBlock(row, rows),
        16,
        16 * steps,
        b + firstPanel * 8 * steps * F32,
        out.address + row * out.stride + firstPanel * 8 * F32,
        out.stride,
      );
    });
  }
}

/** @returns The address of the packed columns, until the scope ends. */
export function packColumns(kernel: FloatKernel, x: Matrix, width: 4 | 8, shift?: Matrix): number {
  return pack(kernel, x.columns, x.rows, width, (address) => {
    kernel.packColumns(
      x.address,
      x.stride,
      x.rows,
      x.columns,
      width,
      (shift ?? kernel.matrix(1, x.columns)).address,
      address,
    );
  });
}

function pack(
  kernel: FloatKernel,
  count: number,
  steps: number,
  width: number,
  fill: (address: number) => void,
): number {
  const address = kernel.allocate(F32 * Math.ceil(count / width) * width * steps);
  fill(address);
  return address;
}
