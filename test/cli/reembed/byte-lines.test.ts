import { describe, expect, it } from 'vitest';
import { type ByteLine, byteLines } from '../../../cli/reembed/byte-lines.ts';
import { seededRandom } from '../../random.ts';

async function* inChunks(bytes: Uint8Array, sizes: () => number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; ) {
    const size = sizes();
    yield bytes.subarray(start, start + size);
    start += size;
  }
}
async function linesOf(bytes: Uint8Array, sizes: () => number): Promise<ByteLine[]> {
  const lines: ByteLine[] = [];
  for await (const line of byteLines(inChunks(bytes, sizes))) lines.push(line);
  return lines;
}

describe('byteLines', () => {
  const text = 'one\n\n雨 in the third\nlast';
  const bytes = new TextEncoder().encode(text);

  it('gives the same lines however the bytes arrive, each with where the next begins', async () => {
    const random = seededRandom(1);
    for (const sizes of [() => 1, () => 7, () => 1000, () => 1 + Math.floor(9 * random())]) {
      const lines = await linesOf(bytes, sizes);
      expect(lines.map((line) => line.bytes.toString())).toEqual(text.split('\n'));
      expect(lines.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
      expect(lines.map(({ end }) => end)).toEqual([4, 5, 22, 26]);
      expect(lines.map(({ isWhole }) => isWhole)).toEqual([true, true, true, false]);
    }
  });

  it('has no line behind the last newline', async () => {
    expect(await linesOf(bytes.subarray(0, 22), () => 5)).toHaveLength(3);
    expect(await linesOf(new Uint8Array(0), () => 5)).toEqual([]);
  });
});
