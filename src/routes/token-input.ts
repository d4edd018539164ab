import { ServiceError } from '../errors.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/**
 * The text that these token ids stand for, `<s>` and `</s>` around them or not. Ids of another tokenizer name other words here, and would be
 * embedded as those: whatever this model's tokenizer would not have made of the text is refused.
 *
 * @param param Where the ids stand in the request.
 * @throws ServiceError `empty_input` | `bad_request`.
 */
export function textOfIds(tokenizer: Tokenizer, ids: readonly number[], param: string): string {
  const { special, vocabularySize } = tokenizer;
  const wrong = (problem: string) => new ServiceError('bad_request', `${param} ${problem}`, { param });
  const unknown = ids.find((id) => id >= vocabularySize);
  if (unknown !== undefined) throw wrong(`has the token id ${unknown}, this model's end at ${vocabularySize - 1}`);
  const inner = ids.slice(ids[0] === special.bos ? 1 : 0, ids.at(-1) === special.eos ? -1 : undefined);
  if (inner.length === 0) throw new ServiceError('empty_input', `${param} has no tokens of a text`, { param });
  const text = tokenizer.decode(inner);
  const again = tokenizer.encode(text).ids.subarray(1, -1);
  if (again.length !== inner.length || again.some((id, i) => id !== inner[i])) {
    throw wrong("does not hold token ids as this model's tokenizer gives them; send the text");
  }
  return text;
}
