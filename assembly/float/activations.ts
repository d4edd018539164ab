import { ROUND_MAGIC } from '../constants';
import { maxLane, minLane } from '../lanes';

/**
 * What `quantizeRows` leaves of its input: out = sx · q + ox, q within ±127, with the engine's own sx, ox and rounding.
 *
 * @param x f32 [rows, k], dense, k % 4 = 0; `out` may be `x`.
 */
export function roundRows(x: usize, rows: i32, k: i32, out: usize): void {
  const bytes = <usize>k << 2;
  for (let row = 0; row < rows; row++) {
    let low = v128.load(x), high = low;
    for (let i: usize = 16; i < bytes; i += 16) {
      const value = v128.load(x + i);
      low = f32x4.min(low, value);
      high = f32x4.max(high, value);
    }
    const lowest = minLane(low), highest = maxLane(high);
    const sx = (highest - lowest) * <f32>(1.0 / 254.0);
    roundRow(x, bytes, f32x4.splat(sx), f32x4.splat(sx > <f32>1e-30 ? <f32>1.0 / sx : 0), f32x4.splat((highest + lowest) * <f32>0.5), out);
    x += bytes;
    out += bytes;
  }
}

function roundRow(x: usize, bytes: usize, sx: v128, inverse: v128, middle: v128, out: usize): void {
  const magic = v128.load(ROUND_MAGIC);
  for (let i: usize = 0; i < bytes; i += 16) {
    const q = f32x4.sub(f32x4.add(f32x4.mul(f32x4.sub(v128.load(x + i), middle), inverse), magic), magic);
    v128.store(out + i, f32x4.add(f32x4.mul(q, sx), middle));
  }
}
