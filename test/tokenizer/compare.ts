import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { characterOffsets, type NativeTokenizer } from './oracle.ts';

export interface Comparison {
  readonly compared: number;
  /** Texts for which anything differs, with what. */
  readonly differences: readonly string[];
}

const BATCH = 2000;

/** Compares ids, offsets and decoded texts with the reference; every text is encoded twice, as words are remembered. */
export async function compareWith(
  oracle: NativeTokenizer,
  tokenizer: Tokenizer,
  texts: Iterable<string>,
): Promise<Comparison> {
  const differences: string[] = [];
  let compared = 0;
  const compare = async (batch: string[]) => {
    const wanted = await oracle.encodeBatch(batch);
    const allIds = wanted.map((encoding) => encoding.getIds());
    const decoded = await oracle.decodeBatch(allIds, true);
    const decodedWhole = await oracle.decodeBatch(allIds, false);
    batch.forEach((text, index) => {
      compared++;
      const { ids, offsets } = tokenizer.encodeWithOffsets(text);
      const is = [
        ids,
        tokenizer.encode(text).ids,
        characterOffsets(text, offsets),
        tokenizer.decode(ids, { skipSpecial: true }),
        tokenizer.decode(ids),
      ];
      const should = [
        allIds[index],
        allIds[index],
        wanted[index]!.getOffsets().flat(),
        decoded[index],
        decodedWhole[index],
      ];
      const wrong = is.findIndex((value, at) => String(value) !== String(should[at]));
      if (wrong >= 0) differences.push(`${JSON.stringify(text)}: ${String(is[wrong])}, not ${String(should[wrong])}`);
    });
  };
  let batch: string[] = [];
  for (const text of texts) {
    batch.push(text);
    if (batch.length < BATCH) continue;
    await compare(batch);
    batch = [];
  }
  await compare(batch);
  return { compared, differences };
}
