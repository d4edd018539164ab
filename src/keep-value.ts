/**
 * Keeps the first value that `create` gives, for the isolate's life. Callers share the value and never the promise, which would die with the
 * request that made it: two that come early both create, and both get the value that was ready first. A failure is not kept.
 */
export function keepValue<Args extends unknown[], Value>(
  create: (...args: Args) => Promise<Value>,
): (...args: Args) => Promise<Value> {
  let kept: { readonly value: Value } | undefined;
  return async (...args) => {
    if (kept) return kept.value;
    const value = await create(...args);
    kept ??= { value };
    return kept.value;
  };
}
