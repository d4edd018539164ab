/** out = scale · values. @param values i8 [width], width % 8 = 0. @param out f32 [width]. */
export function loadRowI8(values: usize, scale: f32, width: i32, out: usize): void {
  const factor = f32x4.splat(scale);
  const end = values + width;
  while (values < end) {
    const pair = v128.load8x8_s(values);
    v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(pair)), factor));
    v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(pair)), factor), 16);
    values += 8;
    out += 32;
  }
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
