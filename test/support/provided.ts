/** By model: what the engine gives in Node. */
export type ProvidedModels = Readonly<Record<string, { readonly fingerprint: string; readonly digests: string[] }>>;

declare module 'vitest' {
  export interface ProvidedContext {
    models: ProvidedModels;
  }
}
