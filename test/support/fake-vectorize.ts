import type { VectorizeIndex } from '../../src/documents/sinks/vectorize-sink.ts';

interface Vector {
  readonly id: string;
  readonly values: readonly number[];
  readonly namespace: string;
  readonly metadata: Readonly<Record<string, string | number>>;
}

/**
 * Vectorize has no local form: this refuses what it refuses, by its documentation (1,000 vectors an upsert from a Worker, 64 bytes an id and a
 * namespace, 1,536 dimensions at most and always those of the index, 10 KiB of metadata), and an upsert of a known id replaces it.
 */
export function fakeVectorize(dimensions?: number) {
  const vectors = new Map<string, Vector>();
  const bytes = (text: string) => new TextEncoder().encode(text).length;
  const check = (isGood: boolean, problem: string) => {
    if (!isGood) throw new Error(`VECTOR_UPSERT_ERROR (code = 40008): ${problem}`);
  };
  let size = dimensions;
  const index: VectorizeIndex = {
    async upsert(given) {
      check(given.length > 0 && given.length <= 1000, `${given.length} vectors`);
      for (const { id, values, namespace, metadata } of given) {
        size ??= values.length;
        check(bytes(id) > 0 && bytes(id) <= 64, `id of ${bytes(id)} bytes`);
        check(bytes(namespace) <= 64, `namespace of ${bytes(namespace)} bytes`);
        check(values.length === size && values.length <= 1536, `${values.length} dimensions`);
        check(values.every(Number.isFinite), 'not finite');
        check(bytes(JSON.stringify(metadata)) <= 10_240, 'metadata');
      }
      for (const vector of given) vectors.set(vector.id, vector);
      return { mutationId: crypto.randomUUID() };
    },
    async deleteByIds(ids) {
      check(ids.length > 0 && ids.length <= 100, `${ids.length} ids`);
      for (const id of ids) vectors.delete(id);
      return { mutationId: crypto.randomUUID() };
    },
  };
  return { index, vectors };
}
