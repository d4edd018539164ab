/**
 * Tokens of several texts in one pass. A larger pass shares each layer's read among more tokens, but beyond some hundred the arithmetic
 * takes longer than the read, and the memory is better spent on resident layers.
 */
export const PASS_TOKENS = 1024;

/**
 * Cuts a batch into passes of consecutive texts; a text longer than a pass is one by itself.
 *
 * @returns Indices of the texts of each pass.
 */
export function planPasses(textTokens: readonly number[], maxPassTokens = PASS_TOKENS): number[][] {
  const passes: number[][] = [];
  let passTokens = Number.POSITIVE_INFINITY;
  for (const [index, tokens] of textTokens.entries()) {
    if (passTokens + tokens > maxPassTokens) {
      passes.push([]);
      passTokens = 0;
    }
    passes.at(-1)!.push(index);
    passTokens += tokens;
  }
  return passes;
}
