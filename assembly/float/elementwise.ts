/** x -= y. @param count Values, a multiple of 4. */
export function subtract(x: usize, y: usize, count: i32): void {
  const end = x + (<usize>count << 2);
  while (x < end) {
    v128.store(x, f32x4.sub(v128.load(x), v128.load(y)));
    x += 16;
    y += 16;
  }
}
