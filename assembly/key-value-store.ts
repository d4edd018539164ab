import { ROUND_MAGIC, ROUND_MAGIC_BITS, roundToI32 } from './constants';
import { maxLane, minLane } from './lanes';

/**
 * Quantises the keys and values of some rows of a text into its store.
 *
 * @param kv f32 rows, `stride` bytes apart: heads · headSize keys, then as many values.
 * @param firstKey Index in the text of the first row.
 * @param keyCapacity The text's tokens rounded up to 8.
 * @param scales Three arrays f32 [heads][keyCapacity]: keyScale, keyMinimum, valueScale.
 */
export function storeKeysValues(
  kv: usize, stride: usize, rows: i32, firstKey: i32, heads: i32, headSize: i32, keyCapacity: i32, keys: usize, values: usize, scales: usize,
): void {
  const headBytes = <usize>(keyCapacity * headSize);
  const scaleBytes = <usize>keyCapacity << 2;
  const width = <usize>(heads * headSize) << 2;
  for (let row = 0; row < rows; row++) {
    const key = firstKey + row;
    for (let head = 0; head < heads; head++) {
      const source = kv + <usize>(head * headSize << 2);
      const scale = scales + <usize>head * scaleBytes + (<usize>key << 2);
      storeKey(source, headSize, key, keys + <usize>head * headBytes, scale, scale + <usize>heads * scaleBytes);
      storeValue(source + width, headSize, key, keyCapacity, values + <usize>head * headBytes, scale + 2 * <usize>heads * scaleBytes);
    }
    kv += stride;
  }
}

export function storeKey(source: usize, headSize: i32, key: i32, keys: usize, scaleOut: usize, minimumOut: usize): void {
  let low = v128.load(source), high = low;
  for (let i = 4; i < headSize; i += 4) {
    const value = v128.load(source + (<usize>i << 2));
    low = f32x4.min(low, value);
    high = f32x4.max(high, value);
  }
  const minimum = minLane(low), scale = (maxLane(high) - minimum) * <f32>(1.0 / 127.0);
  const inverse = f32x4.splat(scale > <f32>1e-30 ? <f32>1.0 / scale : 0), offset = f32x4.splat(minimum);
  const magic = v128.load(ROUND_MAGIC), magicBits = v128.load(ROUND_MAGIC_BITS);
  let out = keys + <usize>((key >> 3) * headSize * 8 + (key & 7) * 4);
  for (let i = 0; i < headSize; i += 4) {
    const q = roundToI32(f32x4.mul(f32x4.sub(v128.load(source + (<usize>i << 2)), offset), inverse), magic, magicBits);
    const narrow = i16x8.narrow_i32x4_s(q, q);
    i32.store(out, i32x4.extract_lane(i8x16.narrow_i16x8_s(narrow, narrow), 0));
    out += 32;
  }
  f32.store(scaleOut, scale);
  f32.store(minimumOut, minimum);
}

export function storeValue(source: usize, headSize: i32, key: i32, keyCapacity: i32, values: usize, scaleOut: usize): void {
  let high = f32x4.abs(v128.load(source));
  for (let i = 4; i < headSize; i += 4) high = f32x4.max(high, f32x4.abs(v128.load(source + (<usize>i << 2))));
  const scale = maxLane(high) * <f32>(1.0 / 127.0);
  const inverse = f32x4.splat(scale > <f32>1e-30 ? <f32>1.0 / scale : 0);
  const magic = v128.load(ROUND_MAGIC), magicBits = v128.load(ROUND_MAGIC_BITS);
  let out = values + <usize>((key >> 2) * 32 + (key & 3));
  const octetBytes = <usize>keyCapacity << 3;
  for (let i = 0; i < headSize; i += 8) {
    const q0 = roundToI32(f32x4.mul(v128.load(source + (<usize>i << 2)), inverse), magic, magicBits);
    const q1 = roundToI32(f32x4.mul(v128.load(source + (<usize>i << 2), 16), inverse), magic, magicBits);
    const octet = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(q0, q1), i32x4.splat(0));
    v128.store8_lane(out, octet, 0);
    v128.store8_lane(out, octet, 1, 4);
    v128.store8_lane(out, octet, 2, 8);
    v128.store8_lane(out, octet, 3, 12);
    v128.store8_lane(out, octet, 4, 16);
    v128.store8_lane(out, octet, 5, 20);
    v128.store8_lane(out, octet, 6, 24);
    v128.store8_lane(out, octet, 7, 28);
    out += octetBytes;
  }
  f32.store(scaleOut, scale);
}
