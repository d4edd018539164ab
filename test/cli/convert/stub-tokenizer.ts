import type { BuiltTokenizer } from '../../../cli/convert/tokenizer.ts';
import type { TokenizerSource } from '../../../cli/tokenizer/build.ts';

/** Stands in where the tokenizer is not what is tested: `{"pieces": N}` has N pieces, `{}` 16, a real tokenizer.json as many as its vocabulary. */
export function stubTokenizer(source: TokenizerSource): BuiltTokenizer {
  const json =
    source.kind === 'tokenizer.json' ? (source.json as { pieces?: number; model?: { vocab: unknown[] } }) : {};
  return {
    bytes: new Uint8Array(64),
    vocabularySize: json.model?.vocab.length ?? json.pieces ?? 16,
    ids: { bos: 0, pad: 1, eos: 2, unknown: 3 },
  };
}
