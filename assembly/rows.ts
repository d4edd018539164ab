/** out = scale · values. @param values i8 [width], width % 8 = 0. @param out f32 [width]. */
export function loadRowI8(values: usize, scale: f32, width: i32, out: usize): void {
  const factor = f32x4.splat(scale);
  const end = values + width;
  while (values < end) {
    storeRow(v128.load8x8_s(values), factor, out);
    values += 8;
    out += 32;
  }
}

/**
 * out = scale · values.
 *
 * @param values u8 [width / 2], width % 16 = 0: of each 16 values, the first eight in the low four bits of eight bytes, the others in the high ones,
 *   all as value + 8.
 * @param out f32 [width].
 */
export function loadRowI4(values: usize, scale: f32, width: i32, out: usize): void {
  const factor = f32x4.splat(scale), low = i16x8.splat(15), zero = i16x8.splat(8);
  const end = values + (<usize>width >> 1);
  while (values < end) {
    const bytes = v128.load8x8_u(values);
    storeRow(i16x8.sub(v128.and(bytes, low), zero), factor, out);
    storeRow(i16x8.sub(i16x8.shr_u(bytes, 4), zero), factor, out + 32);
    values += 8;
    out += 64;
  }
}

// @ts-ignore: decorator
@inline
function storeRow(values: v128, factor: v128, out: usize): void {
  v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(values)), factor));
  v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(values)), factor), 16);
}

/** out += scale · values. @param values i16 [width], width % 4 = 0. @param out f32 [width]. */
export function addRowI16(values: usize, scale: f32, width: i32, out: usize): void {
  const factor = f32x4.splat(scale);
  const end = values + (<usize>width << 1);
  while (values < end) {
    const row = f32x4.convert_i32x4_s(v128.load16x4_s(values));
    v128.store(out, f32x4.add(v128.load(out), f32x4.mul(row, factor)));
    values += 8;
    out += 16;
  }
}
