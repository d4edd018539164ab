import { UserError } from '../user-error.ts';
import type { ByteSource } from './byte-source.ts';
import type { Checkpoint, ElementType } from './checkpoint.ts';
import { createTensorReader, type StoredTensor } from './elements.ts';
import { parseTorchPickle } from './pickle.ts';
import { PICKLE_LIMITS, type PickleTensor } from './pickle-values.ts';
import { listStoredEntries, type ZipEntry } from './zip.ts';

const STORAGE_TYPES: Readonly<Record<string, readonly [ElementType, elementBytes: number]>> = {
  'torch.FloatStorage': ['F32', 4],
  'torch.HalfStorage': ['F16', 2],
  'torch.BFloat16Storage': ['BF16', 2],
  'torch.LongStorage': ['other', 8],
};

/** What `torch.save` wrote before torch 1.6 begins with: pickle protocol 2, then the long 0x1950a86a20f9469cfc6c. */
const LEGACY_MAGIC = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9];

/**
 * Reads what `torch.save` writes since torch 1.6: a zip with `<name>/data.pkl`, which describes tensors, and one `<name>/data/<key>` of raw
 * elements a storage. Nothing in the pickle is ever executed.
 *
 * @throws UserError for whatever is not exactly that.
 */
export async function openTorchZip(source: ByteSource): Promise<Checkpoint> {
  checkMagic(source);
  const entries = await listStoredEntries(source);
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickleName] = pickles;
  if (pickleName === undefined || pickles.length > 1) {
    throw new UserError(
      `${source.name}: ${pickles.length} entries named */data.pkl, wanted one; not written by torch.save?`,
    );
  }
  const folder = pickleName.slice(0, -'data.pkl'.length);
  const byteOrder = entries.get(`${folder}byteorder`);
  if (byteOrder !== undefined && readText(source, byteOrder, 16) !== 'little') {
    throw new UserError(`${source.name}: its byte order is not "little"; save it again on a little-endian machine`);
  }
  const pickle = parseTorchPickle(
    readEntry(source, pickleName, entries.get(pickleName)!, PICKLE_LIMITS.bytes),
    source.name,
  );
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of pickle) {
    tensors.set(
      name,
      locate(
        tensor,
        entries.get(`${folder}data/${tensor.storage.key}`),
        `${source.name}: tensor ${JSON.stringify(name)}`,
      ),
    );
  }
  return createTensorReader(source, tensors);
}

function checkMagic(source: ByteSource): void {
  const start = new Uint8Array(Math.min(LEGACY_MAGIC.length, source.byteLength));
  source.read(0, start);
  if (LEGACY_MAGIC.every((byte, i) => start[i] === byte)) {
    throw new UserError(
      `${source.name}: written by torch before 1.6 (not a zip); save it again: torch.save(torch.load(path, weights_only=True), path)`,
    );
  }
  if (start[0] !== 0x50 || start[1] !== 0x4b) {
    throw new UserError(`${source.name}: not a zip as torch.save writes it; download it again`);
  }
}

/** Where the tensor's elements lie in the file, once they are known to be inside their storage and row-major. */
function locate(tensor: PickleTensor, entry: ZipEntry | undefined, where: string): StoredTensor {
  const { storage, offset, shape, strides } = tensor;
  const [type, elementBytes] = STORAGE_TYPES[storage.elementName]!;
  if (entry === undefined) throw new UserError(`${where}: the file has no storage ${storage.key}`);
  if (storage.elementCount * elementBytes !== entry.byteLength) {
    throw new UserError(
      `${where}: storage ${storage.key} has ${entry.byteLength} bytes, wanted ${storage.elementCount} x ${elementBytes}`,
    );
  }
  let count = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== count) {
      throw new UserError(
        `${where}: strides [${strides}] for shape [${shape}] are not row-major; save it with .contiguous()`,
      );
    }
    count *= shape[i]!;
  }
  if (offset + count > storage.elementCount) {
    throw new UserError(`${where}: elements ${offset} to ${offset + count} of a storage of ${storage.elementCount}`);
  }
  return { type, shape, begin: entry.begin + offset * elementBytes };
}

function readEntry(source: ByteSource, name: string, entry: ZipEntry, limit: number): Uint8Array {
  if (entry.byteLength > limit)
    throw new UserError(`${source.name}: ${name} has ${entry.byteLength} bytes, at most ${limit} are read`);
  const bytes = new Uint8Array(entry.byteLength);
  source.read(entry.begin, bytes);
  return bytes;
}

function readText(source: ByteSource, entry: ZipEntry, limit: number): string {
  return new TextDecoder().decode(readEntry(source, 'byteorder', entry, limit)).trim();
}
