/** Where shard bytes come from. This is all the engine knows about storage. */
export interface ShardSource {
  /**
   * Streams one whole shard, in order, into `write`. A chunk is only valid during the call.
   *
   * @param name File name inside the model directory, such as `layer-07.bin`.
   * @throws ServiceError `model_shard_missing` | `model_unavailable`; never ends early without an error.
   */
  readInto(name: string, write: (chunk: Uint8Array, offset: number) => void, signal?: AbortSignal): Promise<void>;
}
