/** The one thing of Node that the Worker uses; all of Node's types would let the rest slip in. */
declare module 'node:crypto' {
  export function createHash(algorithm: 'sha256'): {
    update(chunk: Uint8Array): unknown;
    digest(encoding: 'hex'): string;
  };
}
