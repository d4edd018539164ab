/** Takes a chunk that is only valid until this returns, or the promise it returns has settled. What it throws ends the read. */
export type WriteChunk = (chunk: Uint8Array, offset: number) => void | Promise<void>;

/** Where shard bytes come from. This is all the engine knows about storage. */
export interface ShardSource {
  /**
   * Streams one whole shard, in order, into `write`, which sees no byte twice.
   *
   * What `write` throws comes out as it is, through every decorator: who finds bytes wrong says so with the last chunk, and a copy that
   * brought them is dropped on the way.
   *
   * @param name File name inside the model directory, such as `layer-07.bin`.
   * @throws ServiceError `model_shard_missing` | `model_unavailable`; never ends early without an error.
   */
  readInto(name: string, write: WriteChunk, signal?: AbortSignal): Promise<void>;
}
