import type { Client } from '../src/client/client.ts';
import type { Embedded } from '../src/client/vectors.ts';

export type Token = Awaited<ReturnType<Client['tokenize']>>[number][number];

/** A token of a text as the model saw it. */
export interface SeenToken {
  readonly id: number;
  readonly text: string;
  readonly special: boolean;
  /** Of the ColBERT vectors; undefined for `<s>` and for what was cut off. */
  readonly row: number | undefined;
  readonly isCut: boolean;
}

/**
 * Which token each ColBERT row belongs to.
 *
 * @param tokens All of the text, `<s>` and `</s>` included.
 * @param seen Tokens that the model was given: the first ones, and `</s>`.
 */
export function seenTokens(tokens: readonly Token[], seen: number): SeenToken[] {
  return tokens.map(({ id, text, special, start, stop }, index) => {
    const next = tokens[index + 1];
    // The mark of a word's beginning that is put before a text is said to come from its first letter.
    const isMark = index === 1 && start === 0 && next?.start === 0 && stop! <= next.stop!;
    const isLast = index === tokens.length - 1;
    const isCut = !isLast && index >= seen - 1;
    return {
      id,
      text: isMark ? ' ' : text,
      special,
      isCut,
      row: isCut || index === 0 ? undefined : isLast ? seen - 2 : index - 1,
    };
  });
}

/** A token id that two texts share, with what it adds to their sparse score. */
export interface SharedToken {
  readonly id: number;
  readonly text: string;
  readonly queryWeight: number;
  readonly passageWeight: number;
  readonly product: number;
}

/** Largest product first. */
export function sharedTokens(query: Embedded, passage: Embedded, tokens: readonly SeenToken[]): SharedToken[] {
  const texts = new Map(tokens.map(({ id, text }) => [id, text]));
  const shared: SharedToken[] = [];
  for (const [id, queryWeight] of query.lexicalWeights!) {
    const passageWeight = passage.lexicalWeights!.get(id);
    if (passageWeight === undefined) continue;
    const product = queryWeight * passageWeight;
    shared.push({ id, text: texts.get(id) ?? String(id), queryWeight, passageWeight, product });
  }
  return shared.sort((a, b) => b.product - a.product);
}
