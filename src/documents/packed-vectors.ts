/**
 * Vectors as blobs.
 *
 * Dense: float16. Of a unit vector of 1,024 dimensions a cosine moves by some 1e-5, and 1,000 of them are 2 MB to read in place of 4.
 * ColBERT: a row is a bit a dimension and one float16, 130 bytes in place of 4,096, so that 8,192 tokens fit into a row of D1. The
 * dot product with a query q is estimated as q · s / (x · s), s being the signs of x; the factor is 1 / (x · s).
 */

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

export function packDense(dense: Float32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(2 * dense.length);
  const view = new DataView(bytes.buffer);
  dense.forEach((value, i) => {
    view.setFloat16(2 * i, value, true);
  });
  return bytes;
}

export function unpackDense(bytes: Uint8Array<ArrayBuffer>): Float32Array {
  if (isLittleEndian && bytes.byteOffset % 2 === 0) {
    return Float32Array.from(new Float16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2));
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Float32Array.from({ length: bytes.length / 2 }, (_, i) => view.getFloat16(2 * i, true));
}

const FACTOR_BYTES = 2;

/** Bytes of a packed row. */
export const colbertRowBytes = (width: number): number => FACTOR_BYTES + width / 8;

/** @param rows `[tokens, width]`, width a multiple of 8. */
export function packColbert(rows: Float32Array, width: number): Uint8Array<ArrayBuffer> {
  const rowBytes = colbertRowBytes(width);
  const bytes = new Uint8Array((rows.length / width) * rowBytes);
  const view = new DataView(bytes.buffer);
  for (let start = 0, at = 0; start < rows.length; start += width, at += rowBytes) {
    let signed = 0;
    for (let i = 0; i < width; i++) {
      const value = rows[start + i]!;
      signed += Math.abs(value);
      if (value > 0) bytes[at + FACTOR_BYTES + (i >> 3)]! |= 0x80 >> (i & 7);
    }
    view.setFloat16(at, signed === 0 ? 0 : 1 / signed, true);
  }
  return bytes;
}

/**
 * The rows with signs for numbers, each times its factor: what `maxSim` takes in place of the rows.
 *
 * @returns `[tokens, width]`; not unit rows.
 */
export function unpackColbert(bytes: Uint8Array<ArrayBuffer>, width: number): Float32Array {
  const rowBytes = colbertRowBytes(width);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const rows = new Float32Array((bytes.length / rowBytes) * width);
  for (let at = 0, start = 0; at < bytes.length; at += rowBytes, start += width) {
    const factor = view.getFloat16(at, true);
    for (let i = 0; i < width; i++) {
      const isPositive = bytes[at + FACTOR_BYTES + (i >> 3)]! & (0x80 >> (i & 7));
      rows[start + i] = isPositive ? factor : -factor;
    }
  }
  return rows;
}
