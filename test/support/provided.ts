/** By model: what the engine gives in Node. */
export type ProvidedModels = Readonly<Record<string, { readonly fingerprint: string; readonly digests: string[] }>>;

declare module 'vitest' {
  export interface ProvidedContext {
    /** The assets of the Worker under test. */
    assets: string;
    models: ProvidedModels;
    /** migrations/, as statements. */
    migrations: { name: string; queries: string[] }[];
  }
}
