/**
 * best[m] = max(best[m], products of query row m with each of up to four passage rows): a step of MaxSim.
 *
 * Products and sums are float64, and each sum takes its products in the order of the columns: the bits of plain JavaScript, since two lanes are two
 * passage rows and never two parts of one sum.
 *
 * @param queries f64 [queryRows rounded up to 4, width], dense; what stands in the rows beyond comes out beyond.
 * @param passages f32 [passageRows, width], dense, width % 4 = 0; a missing row counts as the last one.
 * @param panel 32·width bytes of scratch: the passage rows in float64, [width][4 rows].
 * @param best f64 [queryRows rounded up to 4, 2]: the largest so far of two of the four rows each.
 */
export function bestDots(queries: usize, queryRows: i32, width: i32, passages: usize, passageRows: i32, panel: usize, best: usize): void {
  const rowBytes = <usize>width << 3;
  widenRows(passages, passageRows, width, panel);
  for (let row = 0; row < queryRows; row += 4) {
    dots4x4(width, queries, rowBytes, panel, best);
    queries += rowBytes << 2;
    best += 64;
  }
}

/** f32 [rows, width] to f64 [width][4]. */
export function widenRows(x0: usize, rows: i32, width: i32, out: usize): void {
  const rowBytes = <usize>width << 2, end = x0 + rowBytes;
  const last = x0 + <usize>(rows - 1) * rowBytes;
  let x1 = min(x0 + rowBytes, last), x2 = min(x1 + rowBytes, last), x3 = min(x2 + rowBytes, last);
  while (x0 < end) {
    v128.store(out, f64x2.replace_lane(f64x2.splat(f32.load(x0)), 1, f32.load(x1)));
    v128.store(out, f64x2.replace_lane(f64x2.splat(f32.load(x2)), 1, f32.load(x3)), 16);
    x0 += 4;
    x1 += 4;
    x2 += 4;
    x3 += 4;
    out += 32;
  }
}

/** Four query rows with four passage rows. Live: 8 sums + 2 passage vectors + 1 splat + 1 product = 12 of 15 XMM. */
export function dots4x4(k: i32, q0: usize, rowBytes: usize, panel: usize, best: usize): void {
  let s00 = f64x2.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
  let q1 = q0 + rowBytes, q2 = q1 + rowBytes, q3 = q2 + rowBytes;
  do {
    const p0 = v128.load(panel), p1 = v128.load(panel, 16);
    let splat = v128.load64_splat(q0);
    s00 = f64x2.add(s00, f64x2.mul(splat, p0));
    s01 = f64x2.add(s01, f64x2.mul(splat, p1));
    splat = v128.load64_splat(q1);
    s10 = f64x2.add(s10, f64x2.mul(splat, p0));
    s11 = f64x2.add(s11, f64x2.mul(splat, p1));
    splat = v128.load64_splat(q2);
    s20 = f64x2.add(s20, f64x2.mul(splat, p0));
    s21 = f64x2.add(s21, f64x2.mul(splat, p1));
    splat = v128.load64_splat(q3);
    s30 = f64x2.add(s30, f64x2.mul(splat, p0));
    s31 = f64x2.add(s31, f64x2.mul(splat, p1));
    q0 += 8;
    q1 += 8;
    q2 += 8;
    q3 += 8;
    panel += 32;
  } while (--k);
  v128.store(best, f64x2.max(v128.load(best), f64x2.max(s00, s01)));
  v128.store(best, f64x2.max(v128.load(best, 16), f64x2.max(s10, s11)), 16);
  v128.store(best, f64x2.max(v128.load(best, 32), f64x2.max(s20, s21)), 32);
  v128.store(best, f64x2.max(v128.load(best, 48), f64x2.max(s30, s31)), 48);
}
