import { ROUND_MAGIC } from '../constants';
import { maxLane, sumLanes } from '../lanes';

const LOG2_E: f32 = 1.4426950408889634;
const PADDING: f32 = -1e30;

/**
 * softmax of each row, in place; values from `count` to the next multiple of 8 become 0.
 *
 * @param x f32 rows, `stride` bytes apart, with room for `count` rounded up to 8 values.
 */
export function softmaxRows(x: usize, stride: usize, rows: i32, count: i32): void {
  const padded = (count + 7) & ~7;
  for (let row = 0; row < rows; row++) {
    for (let i = count; i < padded; i++) f32.store(x + (<usize>i << 2), PADDING);
    softmaxRow(x, x + (<usize>padded << 2));
    x += stride;
  }
}

function softmaxRow(x: usize, end: usize): void {
  let high = v128.load(x);
  for (let at = x + 16; at < end; at += 16) high = f32x4.max(high, v128.load(at));
  const maximum = f32x4.splat(maxLane(high));
  let sum = f32x4.splat(0);
  for (let at = x; at < end; at += 16) {
    const power = exp(f32x4.sub(v128.load(at), maximum));
    sum = f32x4.add(sum, power);
    v128.store(at, power);
  }
  const inverse = f32x4.splat(<f32>1.0 / sumLanes(sum));
  for (let at = x; at < end; at += 16) v128.store(at, f32x4.mul(v128.load(at), inverse));
}

/** e^x for x ≤ 0 within 1e-6 of it for x > -8 (`scripts/fit-kernels.ts`: degree 6, 1e-7, the rest is from x · log2 e); 0 below -87. */
// @ts-ignore: decorator
@inline
function exp(x: v128): v128 {
  const t = f32x4.mul(x, f32x4.splat(LOG2_E));
  const clamped = f32x4.max(t, f32x4.splat(-126));
  const shifted = f32x4.add(clamped, v128.load(ROUND_MAGIC));
  const fraction = f32x4.sub(clamped, f32x4.sub(shifted, v128.load(ROUND_MAGIC)));
  let p = f32x4.splat(0.00015345831343438476);
  p = f32x4.add(f32x4.mul(p, fraction), f32x4.splat(0.0013399930903688073));
  p = f32x4.add(f32x4.mul(p, fraction), f32x4.splat(0.009618489071726799));
  p = f32x4.add(f32x4.mul(p, fraction), f32x4.splat(0.05550328642129898));
  p = f32x4.add(f32x4.mul(p, fraction), f32x4.splat(0.24022646248340607));
  p = f32x4.add(f32x4.mul(p, fraction), f32x4.splat(0.6931471824645996));
  p = f32x4.add(f32x4.mul(p, fraction), f32x4.splat(1));
  const power = i32x4.add(p, i32x4.shl(shifted, 23));
  return v128.and(power, f32x4.gt(t, f32x4.splat(-126)));
}
